"""`docs/api-examples.md` has an example of every operation, and each is what the application returns."""

import json
import os
import re

import jsonschema_rs
import pytest

from dev.codat_simulator.simulator import SimulatedCodat
from tests.integration.web.api_examples import DOCUMENT, EXAMPLES, Examples
from tests.support.aws import Aws
from tests.support.handlers import Handler, StartFunction

# See ``invocable_retry``.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics:UserWarning")


@pytest.fixture
def examples(invocable_retry: Handler, start: StartFunction, aws: Aws, simulated: SimulatedCodat) -> Examples:
    """Return the examples, none of which has been captured."""
    return Examples(start, invocable_retry, aws, simulated)


def test_every_operation_has_an_example(examples: Examples) -> None:
    """In the OpenAPI document there are those of both functions."""
    paths = examples.api.send("GET", "/openapi.json").body["paths"]
    operations = [operation["operationId"] for path in paths.values() for operation in path.values()]
    assert sorted(operations) == sorted(example.operation_id for example in EXAMPLES)


def test_the_examples_are_what_the_application_returns(examples: Examples) -> None:
    """`make api-examples` writes them anew."""
    document = examples.document()
    if os.environ.get("WRITE_API_EXAMPLES"):
        DOCUMENT.write_text(document)
    assert DOCUMENT.read_text() == document, "run `make api-examples`"


def test_every_documented_response_matches_its_schema(examples: Examples) -> None:
    """So that readers and generated clients agree on the fields."""
    described = examples.api.send("GET", "/openapi.json").body
    schemas = {
        operation["operationId"]: operation["responses"]["200"]["content"]["application/json"]["schema"]
        for path in described["paths"].values()
        for operation in path.values()
    }
    documented = re.findall(r"^### `(\w+)`$.*?^```json\n(.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    assert {name for name, _ in documented} == schemas.keys()
    for name, text in documented:
        schema = {**schemas[name], "components": described["components"]}
        assert list(jsonschema_rs.validator_for(schema).iter_errors(json.loads(text))) == [], name
