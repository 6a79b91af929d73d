"""The event schemas and their documentation match the code."""

import json

from dev.paths import ROOT
from dev.release.event_schemas import SCHEMAS, facts, schemas

_PAGE = (ROOT / "docs" / "events.md").read_text()


def test_the_schemas_match_the_published_events() -> None:
    """`python -m dev release event-schemas` writes them anew."""
    assert SCHEMAS.read_text() == schemas()


def test_every_event_is_documented_and_has_the_common_fields() -> None:
    """A consumer finds each by its name, and handles all of them alike."""
    for kind in facts():
        assert f"`{kind.__name__}`" in _PAGE, kind
        schema = json.loads(SCHEMAS.read_text())["$defs"][kind.__name__]
        assert {"v", "id", "companyId", "version", "occurredAt"} <= set(schema["required"])
        assert all(field.get("description") for field in schema["properties"].values())
        assert schema["description"] == kind.__doc__
