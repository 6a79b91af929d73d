"""The event schemas and their documentation match the code."""

import importlib
import json
import re
from functools import reduce

import jsonschema_rs
import pytest

from dev.paths import ROOT
from dev.release.event_schemas import ASYNCAPI, SCHEMAS, asyncapi, facts, schemas

_PAGE = (ROOT / "docs" / "events.md").read_text()


def test_the_schemas_match_the_published_events() -> None:
    """`python -m dev release event-schemas` writes them anew."""
    assert SCHEMAS.read_text() == schemas()


@pytest.mark.filterwarnings("ignore:Field name .* shadows an attribute")  # of asyncapi3, while it is imported
def test_the_asyncapi_document_matches_the_published_events() -> None:
    """It follows AsyncAPI 3, whose objects have no other fields, and every reference leads somewhere."""
    text = ASYNCAPI.read_text()
    assert text == asyncapi()
    parsed = importlib.import_module("asyncapi3").AsyncAPI3.model_validate_json(text)
    assert set(parsed.components.messages.root) == {kind.__name__ for kind in facts()}
    documents = {"": json.loads(text), SCHEMAS.name: json.loads(SCHEMAS.read_text())}
    references = re.findall(r'"\$ref": "(.*?)#/(.+?)"', text)
    assert references
    for name, pointer in references:
        assert reduce(lambda part, key: part[key], pointer.split("/"), documents[name])


def test_an_event_matches_its_message() -> None:
    """That of the page."""
    (example,) = re.findall(r"```json\n(.*?)```", _PAGE, re.DOTALL)
    event = json.loads(example)
    message = json.loads(ASYNCAPI.read_text())["components"]["messages"][event["detail-type"]]
    text = json.dumps(message["payload"]).replace(f"{SCHEMAS.name}#", "#")
    schema = json.loads(text) | {"$defs": json.loads(SCHEMAS.read_text())["$defs"]}
    assert list(jsonschema_rs.validator_for(schema).iter_errors(event)) == []


def test_every_event_is_documented_and_has_the_common_fields() -> None:
    """A consumer finds each by its name, and handles all of them alike."""
    for kind in facts():
        assert f"`{kind.__name__}`" in _PAGE, kind
        schema = json.loads(SCHEMAS.read_text())["$defs"][kind.__name__]
        assert {"v", "id", "companyId", "version", "occurredAt"} <= set(schema["required"])
        assert all(field.get("description") for field in schema["properties"].values())
        assert schema["description"] == kind.__doc__
