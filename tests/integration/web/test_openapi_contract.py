"""Check that responses conform to the OpenAPI document for generated requests."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import validate
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from codat_sync.aws.dynamodb import Table
from codat_sync.bulk_retries.bulk_retry import BulkRetry, FailureFilter
from codat_sync.bulk_retries.repository import BulkRetryRepository
from codat_sync.syncs.failure_causes import cause_id
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID, SYNC_ID, TRANSACTION_IDS
from tests.integration.web.api_caller import Api
from tests.integration.web.api_gateway import Gateway
from tests.support.aws import Aws
from tests.support.handlers import Handler
from tests.support.sqs_batches import batch, failed, of

_BULK_RETRY_ID = "3f1b7a52-6f0e-4c0a-9d3a-0e6d8d1f6a11"
_KNOWN = {
    "syncId": SYNC_ID,
    "companyId": COMPANY_ID,
    "transactionId": TRANSACTION_IDS[1],
    "causeId": cause_id("Account # is archived."),
    "bulkRetryId": _BULK_RETRY_ID,
}
_CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
_EXAMPLES = 25


def test_the_document_is_valid(start: Callable[[str], Handler]) -> None:
    """So that clients can be generated from it: every reference resolves, and no schema is left over."""
    gateway = Gateway(start("health"), start("retry"))
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", gateway, headers={"Authorization": "Bearer a.b.c"})
    document = schema.raw_schema
    validate(document)
    text = json.dumps(document)
    assert [name for name in document["components"]["schemas"] if f'schemas/{name}"' not in text] == []


def test_the_document_makes_a_good_client(start: Callable[[str], Handler]) -> None:
    """Generated clients take methods from the operation ids, modules from the tags, and texts from the descriptions."""
    document = Api(start).send("GET", "/openapi.json").body
    tags = {tag["name"] for tag in document["tags"] if tag["description"]}
    operations = [each for path in document["paths"].values() for each in path.values()]
    ids = [operation["operationId"] for operation in operations]
    assert len(set(ids)) == len(ids)
    for operation in operations:
        assert re.fullmatch("[a-z]+([A-Z][a-z]+)*", operation["operationId"]), operation
        assert len(operation["tags"]) == 1, operation["operationId"]
        assert set(operation["tags"]) <= tags, operation["operationId"]
        assert re.fullmatch("[A-Z].*[^.]", operation["summary"]), operation["operationId"]
        assert operation.get("description"), operation["operationId"]
        for parameter in operation.get("parameters", ()):
            assert parameter["description"], (operation["operationId"], parameter["name"])
            assert "anyOf" not in parameter["schema"], (operation["operationId"], parameter["name"])
    for name, schema in document["components"]["schemas"].items():
        assert schema.get("description") or "enum" in schema, name
        assert "__" not in name, f"two classes have the name {name.rpartition('__')[2]}"


def test_every_company_id_has_the_companys_name_beside_it(start: Callable[[str], Handler]) -> None:
    """So that no reader has to look a name up. A company itself has a `name`, and some have their `company`."""
    gateway = Gateway(start("health"), start("retry"))
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", gateway, headers={"Authorization": "Bearer a.b.c"})
    schemas = schema.raw_schema["components"]["schemas"]
    named = {"companyId": "companyName", "exampleCompanyId": "exampleCompanyName"}
    nameless = [
        (schema_name, name)
        for schema_name, model in schemas.items()
        for name in named.keys() & model.get("properties", {}).keys()
        if named[name] not in model["properties"] and not {"name", "company"} & model["properties"].keys()
        if model.get("additionalProperties", True)  # Requests name companies by their ids.
    ]
    # It is part of what has the company or its name.
    assert nameless == [("ConfigurationAtFailure", "companyId")]


# See ``invocable_retry``.
@pytest.mark.filterwarnings("ignore:No application metrics:UserWarning")
def test_every_response_is_documented_and_no_server_error(
    invocable_retry: Handler, start: Callable[[str], Handler], simulated: SimulatedCodat, aws: Aws
) -> None:
    """Call every operation with valid and invalid parameters, for existing and missing resources."""
    assert failed(start("worker")(batch(of(simulated, simulated.sync(SYNC_ID))))) == []
    today = datetime.now(UTC)
    asked = BulkRetry(_BULK_RETRY_ID, FailureFilter(today.date(), today.date()), "Ann (a)", today)
    assert BulkRetryRepository(Table(aws.dynamodb, "syncs")).create(asked, today)
    gateway = Gateway(start("health"), invocable_retry)
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", gateway, headers={"Authorization": "Bearer a.b.c"})
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        # Otherwise no generated request was successful.
        assert HTTPStatus.OK in _statuses(found.ok()), found.ok().label


def _statuses(operation: Any) -> set[int]:  # noqa: ANN401 - schemathesis' own, of many types
    """Call an operation repeatedly, and return the statuses seen."""
    seen: set[int] = set()
    valid, invalid = (operation.as_strategy(generation_mode=mode) for mode in GenerationMode)

    @settings(max_examples=_EXAMPLES, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(case=st.one_of(valid.map(_about_what_is_there), valid, invalid))
    def check(case: schemathesis.Case[Any]) -> None:
        answer = case.call()
        seen.add(answer.status_code)
        case.validate_response(answer, checks=_CHECKS)

    check()
    return seen


def _about_what_is_there(case: "schemathesis.Case[Any]") -> "schemathesis.Case[Any]":
    case.path_parameters = {name: _KNOWN[name] for name in case.path_parameters or {}}
    return case
