"""Generate docs/events.schema.json from the published events."""

import json
from collections.abc import Iterator
from pathlib import Path

from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from codat_sync.publishing.events import DomainEvent
from dev.paths import ROOT

SCHEMAS = ROOT / "docs" / "events.schema.json"


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


def write(path: Path = SCHEMAS) -> None:
    """Write the file."""
    path.write_text(schemas())
