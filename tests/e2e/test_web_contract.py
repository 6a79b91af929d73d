"""Every route of the API and every page on the deployed stack, where permissions are enforced."""

from http import HTTPStatus
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from codat_sync.syncs.failure_causes import cause_id
from dev.codat_simulator.books.models import Item
from dev.codat_simulator.control.client import SimulatorControl
from dev.codat_simulator.control.messages import NewWebhook
from dev.waiting import PATIENCE_SECONDS
from ops.local_stack import Outputs
from tests.e2e.eventually import eventually

pytestmark = pytest.mark.xdist_group("e2e")  # one stack for all of them

_BUSY = "The ledger is busy."
_CHECKS = [not_a_server_error, status_code_conformance, response_schema_conformance]
# The rules are tried with many more in tests/integration/web/test_openapi_contract.py; here it is the permissions.
_EXAMPLES = 4


@pytest.fixture(scope="module")
def known(stack: Outputs) -> dict[str, str]:
    """Return the ids of what is there, by the parameters' names: a failed sync, its company, item and cause."""
    with SimulatorControl(stack.codat_url) as codat, _client(stack) as client:
        company_id = codat.add_company().company_id
        items = (Item("contract-item", "PushError", message=_BUSY),)
        sync_id = codat.add_sync(company_id=company_id, code=5130, items=items).sync_id
        codat.send_webhook(NewWebhook(sync_id=sync_id))
        eventually(lambda: client.get(f"api/v1/syncs/{sync_id}").status_code == HTTPStatus.OK)
        started = client.post("api/v1/bulk-retries", json={"companyId": company_id})
    return {
        "companyId": company_id,
        "syncId": sync_id,
        "transactionId": items[0].transaction_id or "",
        "causeId": cause_id(_BUSY),
        "bulkRetryId": started.json()["bulkRetryId"],
    }


def _client(stack: Outputs) -> httpx.Client:
    return httpx.Client(base_url=f"{stack.api_url}/", timeout=PATIENCE_SECONDS, trust_env=False)


def test_no_generated_request_is_a_server_error(stack: Outputs, known: dict[str, str]) -> None:
    """Those that change state included: they run with the permissions of the deployed roles."""
    schema = schemathesis.openapi.from_url(f"{stack.api_url}/api/v1/openapi.json")
    labels = [_call(found.ok(), stack, known) for found in schema.get_all_operations() if isinstance(found, Ok)]
    assert len(labels) > 30


def _call(operation: Any, stack: Outputs, known: dict[str, str]) -> str:  # noqa: ANN401 - schemathesis' own
    @settings(
        max_examples=_EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
    def check(case: "schemathesis.Case[Any]") -> None:
        case.path_parameters = {name: known[name] for name in case.path_parameters or {}}
        if operation.label == "POST /api/v1/bulk-retries":
            # Other tests share the stack: without a company it would retry what failed in theirs.
            case.body = {"companyId": known["companyId"]}
        case.validate_response(case.call(base_url=stack.api_url, timeout=PATIENCE_SECONDS), checks=_CHECKS)

    check()
    return str(operation.label)


def test_every_page_is_shown(stack: Outputs, known: dict[str, str]) -> None:
    """With the permissions of the deployed role, as CSV too where a page offers that."""
    sync, company = f"syncs/{known['syncId']}", f"company/{known['companyId']}"
    exports = ("syncs", "company", "causes", "failed-items", "worklist", "audit", f"{sync}/items")
    paths = (
        *("", "syncs", "live", "company", "causes", "failed-items", "worklist", "audit", "search?q=contract"),
        *("bulk-retries", "bulk-retries/new", f"bulk-retries/{known['bulkRetryId']}", f"causes/{known['causeId']}"),
        *(sync, f"{sync}/items", f"{sync}/timeline", f"{sync}/config", f"{sync}/retry", f"{sync}/support-bundle"),
        *(company, f"{company}/transactions/{known['transactionId']}", "dead-letters", "unknown-outcomes"),
        *(f"{path}?format=csv" for path in exports),
    )
    with _client(stack) as client:
        statuses = {path: client.get(path).status_code for path in paths}
    assert {path: status for path, status in statuses.items() if status != HTTPStatus.OK} == {}
