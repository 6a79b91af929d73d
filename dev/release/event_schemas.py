"""Generate docs/events.schema.json and docs/asyncapi.json from the published events."""

import json
from collections.abc import Iterator

from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from codat_sync.publishing.events import DomainEvent
from dev.paths import ROOT

SCHEMAS = ROOT / "docs" / "events.schema.json"
ASYNCAPI = ROOT / "docs" / "asyncapi.json"
_DESCRIPTION = (
    "What happens to syncs, their transactions and retries, submissions and companies. Delivered at least once, in no"
    " order: ignore an `id` that you know and, of a subject, a `version` lower than the highest. See events.md."
)


class _WithoutTitles(GenerateJsonSchema):
    """A field's name is its title."""

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002 - pydantic's signature
        return False


def facts(kind: type[DomainEvent] = DomainEvent) -> Iterator[type[DomainEvent]]:
    """Yield every type of event that is published."""
    if not (simplified := kind.__subclasses__()):
        yield kind
    for each in simplified:
        yield from facts(each)


def schemas() -> str:
    """Return the content of the file: the JSON Schema of each event's details, by event type."""
    _, schema = models_json_schema(
        [(kind, "serialization") for kind in facts()], by_alias=True, schema_generator=_WithoutTitles
    )
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "What codat-sync tells of"}
    return json.dumps(dialect | schema, indent=2) + "\n"


def asyncapi() -> str:
    """Return the AsyncAPI document of the event bus: one channel, and a message for each type of event.

    The messages are EventBridge's envelopes. What is in them is described by the JSON Schema, to which they refer.
    """
    names = [kind.__name__ for kind in facts()]
    document = {
        "asyncapi": "3.0.0",
        "info": {"title": "codat-sync: events", "version": "1", "description": _DESCRIPTION},
        "defaultContentType": "application/json",
        "channels": {
            "events": {
                "address": None,  # the stack's output EventBusName, or EventsEndpointUrl
                "description": "The stack's EventBridge event bus (output `EventBusName`), or your HTTPS endpoint.",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
            }
        },
        "operations": {
            "publishEvents": {
                "action": "send",
                "channel": {"$ref": "#/channels/events"},
                "summary": "Publish an event about each change.",
            }
        },
        "components": {"messages": {kind.__name__: _message(kind) for kind in facts()}},
    }
    return json.dumps(document, indent=2) + "\n"


def _message(kind: type[DomainEvent]) -> dict[str, object]:
    name = kind.__name__
    properties = {
        "source": {"const": "codat-sync"},
        "detail-type": {"const": name},
        "detail": {"$ref": f"{SCHEMAS.name}#/$defs/{name}"},
    }
    payload = {"type": "object", "properties": properties, "required": list(properties)}
    return {"name": name, "title": name, "summary": kind.__doc__, "payload": payload}


def write() -> None:
    """Write the files."""
    SCHEMAS.write_text(schemas())
    ASYNCAPI.write_text(asyncapi())
