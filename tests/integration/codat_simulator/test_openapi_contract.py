"""Check that simulated Codat answers as Codat's OpenAPI document says."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.specs.openapi.schemas import OpenApiSchema

from dev.codat_simulator.api import reading, writing
from dev.codat_simulator.api.routing import EXPENSES
from dev.codat_simulator.books.models import Item
from dev.codat_simulator.books.sample_data import generate_expense, generate_items
from dev.codat_simulator.faults import Fault
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID, SYNC_ID, TRANSACTION_IDS
from dev.waiting import PATIENCE_SECONDS
from tests.support.codat.openapi import codat_document

GENERATED_SYNC_ID = "0d0e3ca6-9d3a-4f0c-8a52-5d3d6f3c6c11"
COMPANY = f"/companies/{COMPANY_ID}"
SYNCS = f"{COMPANY}/sync/expenses/syncs"
TRANSACTION = f"{SYNCS}/{SYNC_ID}/transactions/{TRANSACTION_IDS[0]}"
WRITE = f"{COMPANY}/sync/expenses"
SIDE = {"accountRef": {"id": "6100"}, "amount": 10.5}
REIMBURSABLE = {
    "id": "5b4a8b46-2e83-4b52-9a2e-0c60dd24a4e6",
    "contactRef": {"id": "s-1"},
    "issueDate": "2022-08-03",
    "dueDate": "2022-08-04",
    "currency": "GBP",
}
ADJUSTMENT = {"id": REIMBURSABLE["id"], "date": "2022-08-03", "currency": "GBP", "lines": [SIDE]}
CONFIGURATION = {part: {"id": "1"} for part in ("bankAccount", "supplier", "customer")}

# Any: what httpx takes as the content of a request.
REQUESTS: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", f"{SYNCS}/latest/status", {}),
    ("GET", f"{SYNCS}/lastSuccessful/status", {}),
    ("GET", f"{SYNCS}/list/status", {}),
    ("GET", f"{SYNCS}/{SYNC_ID}/status", {}),
    ("GET", f"{SYNCS}/{SYNC_ID}/transactions", {}),
    ("GET", f"{SYNCS}/{GENERATED_SYNC_ID}/transactions", {"params": {"page": 1, "pageSize": 50}}),
    ("GET", TRANSACTION, {}),
    ("GET", f"{WRITE}/config", {}),
    ("GET", f"{WRITE}/mappingOptions", {}),
    ("GET", f"{COMPANY}/connections", {}),
    ("GET", f"{COMPANY}/connections/{{connection_id}}", {}),
    ("GET", f"{COMPANY}/dataStatus", {}),
    ("GET", f"{COMPANY}/data/info", {}),
    ("GET", COMPANY, {}),
    ("GET", "/companies", {}),
    ("POST", f"{WRITE}/config", {"json": CONFIGURATION}),
    ("POST", f"{WRITE}/connections/partnerExpense", {}),
    ("POST", f"{TRANSACTION}/attachments", {"files": {"file": ("receipt.pdf", b"%PDF")}}),
    ("POST", f"{WRITE}/expense-transactions", {"json": [generate_expense("e-1")]}),
    ("PUT", f"{WRITE}/expense-transactions/e-1", {"json": generate_expense("e-1")}),
    ("POST", f"{WRITE}/reimbursable-expense-transactions", {"json": [REIMBURSABLE]}),
    ("PUT", f"{WRITE}/reimbursable-expense-transactions/r-1", {"json": REIMBURSABLE}),
    ("PUT", f"{WRITE}/transfer-transactions/x-1", {"json": {"date": "2022-08-03", "from": SIDE, "to": SIDE}}),
    ("POST", f"{WRITE}/adjustment-transactions", {"json": [ADJUSTMENT]}),
]
# Documented on Codat's pages only.
NOT_IN_OPENAPI = {"GET /webhooks"}
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture
def client(simulated: SimulatedCodat, codat_url: str) -> Iterator[httpx.Client]:
    """Yield a client of simulated Codat, which has a sync of every state."""
    company = simulated.company(COMPANY_ID)
    for code in (1000, 2000, 2040, 4000, 5000):
        simulated.add_sync(company, code, [Item(None, None, None), Item("t", "ValidationError", "bankfeeds", "no")])
    simulated.add_sync(company, 5130, generate_items(50, code=5130), sync_id=GENERATED_SYNC_ID)
    simulated.add_sync(company, 2000, sync_status=None, sync_utc=None)
    headers = {"Authorization": simulated.credentials}
    with httpx.Client(base_url=codat_url, headers=headers, timeout=PATIENCE_SECONDS) as client:
        yield client


def test_every_success_is_as_documented(client: httpx.Client) -> None:
    """Every operation of the simulator is tried; `/webhooks` alone is not in the document."""
    tried = set()
    connection_id = client.get(f"{COMPANY}/connections").json()["results"][0]["id"]
    for method, path, content in REQUESTS:
        request = client.build_request(method, path.format(connection_id=connection_id), **content)
        request.read()  # schemathesis needs the content of a form too
        answer = client.send(request)
        assert answer.is_success, (method, path, answer.text)
        tried.add(_check(answer))
    documented = {_anonymous(label) for label in tried}
    assert _simulated_operations() - documented == NOT_IN_OPENAPI


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 422, 429, 500, 503])
def test_every_error_is_as_documented(simulated: SimulatedCodat, client: httpx.Client, status: int) -> None:
    """The update of an expense documents all of them."""
    simulated.faults.add(Fault("status", status=status))
    answer = client.put(f"{WRITE}/expense-transactions/e-1", json=generate_expense("e-1"))
    assert answer.status_code == status
    _check(answer)


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("GET", "/companies/unknown", {}, 404),
        ("GET", f"{SYNCS}/{SYNC_ID}/transactions?page=0", {}, 400),
        ("GET", COMPANY, {"headers": {"Authorization": "Basic eA=="}}, 401),
        ("POST", f"{WRITE}/expense-transactions", {"json": [{}]}, 400),
        ("POST", f"{WRITE}/config", {"json": {}}, 400),
        ("POST", f"{TRANSACTION}/attachments", {"content": b"no form"}, 400),
    ],
)
def test_every_refusal_is_as_documented(
    client: httpx.Client, method: str, path: str, content: dict[str, Any], status: int
) -> None:
    """What the simulator refuses by itself has the same shape."""
    answer = client.request(method, path, **content)
    assert answer.status_code == status
    _check(answer)


def test_generated_requests_get_documented_answers(
    simulated: SimulatedCodat, client: httpx.Client, codat_url: str
) -> None:
    """Whatever a valid request contains, the answer has a documented status and shape."""
    connection_id = client.get(f"{COMPANY}/connections").json()["results"][0]["id"]
    known = {"companyId": COMPANY_ID, "syncId": SYNC_ID, "connectionId": connection_id}
    schema = _schema()
    simulated.quota.leave(1_000_000)
    for label in sorted(_documented_operations()):
        operation = schema.find_operation_by_label(label)
        assert operation is not None

        @settings(max_examples=8, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def check(case: schemathesis.Case[Any]) -> None:
            case.path_parameters = dict(case.path_parameters or {}) | {
                name: value for name, value in known.items() if name in (case.path_parameters or {})
            }
            answer = case.call(base_url=codat_url, headers={"Authorization": simulated.credentials})
            case.validate_response(answer, checks=CHECKS)

        check()


@pytest.mark.parametrize(
    ("event_type", "schema"),
    [
        ("expenses.sync.successful", "ExpensesSyncWebhook"),
        ("expenses.sync.unsuccessful", "ExpensesSyncWebhook"),
        ("client.rateLimit.reached", "ClientRateLimitWebhook"),
        ("client.rateLimit.reset", "ClientRateLimitWebhook"),
        ("Sync Failed", "SyncFailedWebhook"),
        ("Sync Completed", "SyncCompleteWebhook"),
    ],
)
def test_every_webhook_is_as_documented(simulated: SimulatedCodat, event_type: str, schema: str) -> None:
    """Both generations have the fields and types of their schema."""
    event = simulated.event(
        simulated.sync(SYNC_ID), event_type=event_type, generation="current" if "." in event_type else "old"
    )
    document = codat_document()
    jsonschema_rs.validator_for(document | {"$ref": f"#/components/schemas/{schema}"}).validate(event)
    assert event.keys() <= document["components"]["schemas"][schema]["properties"].keys()


def _schema() -> OpenApiSchema:
    schema = schemathesis.openapi.from_dict(codat_document())
    assert isinstance(schema, OpenApiSchema)
    return schema


def _check(answer: httpx.Response) -> str:
    """Raise unless the status and the content are documented; returns the operation as `GET /companies`."""
    operation = _schema().find_operation_by_path(answer.request.method, answer.request.url.path)
    assert operation is not None, answer.request.url
    assert str(answer.status_code) in operation.definition.raw["responses"]
    operation.validate_response(answer)
    return operation.label


def _documented_operations() -> set[str]:
    simulated = _simulated_operations()
    documented = [found.ok().label for found in _schema().get_all_operations() if isinstance(found, Ok)]
    return {label for label in documented if _anonymous(label) in simulated}


def _simulated_operations() -> set[str]:
    """Return the simulator's operations; the kinds of transactions share one route."""
    kinds = {f"{method} {EXPENSES}/{kind}" for method, kind in writing.STATUSES if method == "POST"}
    kinds |= {f"{method} {EXPENSES}/{kind}/{{}}" for method, kind in writing.STATUSES if method == "PUT"}
    routes = {*reading.ROUTES.labels(), *writing.ROUTES.labels()}
    return {_anonymous(label) for label in kinds | {label for label in routes if "{kind}" not in label}}


def _anonymous(label: str) -> str:
    """Leave out the names of a path's parameters: the simulator has its own."""
    return re.sub(r"\{\w*\}", "{}", label)
