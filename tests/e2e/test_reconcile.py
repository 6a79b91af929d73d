"""Reconcile as it is deployed: with its own role, against the table's indexes, by its schedule or at once."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from codat_sync.aws.dynamodb import Table
from codat_sync.reconciliation.completeness import Completeness
from codat_sync.reconciliation.run_repository import ReconciliationRunRepository
from codat_sync.syncs.repository import SyncRepository
from codat_sync.syncs.status_codes import Outcome
from codat_sync.webhooks.endpoint import EndpointState
from dev.codat_simulator.books.models import Item
from dev.codat_simulator.control.client import SimulatorControl
from dev.codat_simulator.control.messages import NewWebhook, WebhookUrl
from dev.local_stack.aws_clients import LocalAws
from dev.local_stack.sample_syncs import SampleHistory
from dev.local_stack.temporary_stack import local_stack
from ops.cloudformation import physical_ids
from ops.local_stack import Outputs
from tests.e2e.eventually import eventually

pytestmark = pytest.mark.xdist_group("e2e")  # one stack for all of them


@pytest.fixture
def codat(stack: Outputs) -> Iterator[SimulatorControl]:
    """Return the control client of simulated Codat."""
    with SimulatorControl(stack.codat_url) as control:
        yield control
        control.set_webhook_url(stack.webhook_url)


@pytest.fixture
def table(stack: Outputs) -> Table:
    return Table(LocalAws(stack.aws_endpoint_url).dynamodb, stack.table_name)


def _reconcile(stack: Outputs) -> dict[str, Any]:
    """Invoke it, as its schedule does."""
    aws = LocalAws(stack.aws_endpoint_url)
    answer = aws.lambda_.invoke(FunctionName=physical_ids(aws.cloudformation)["ReconcileFunction"])
    response: dict[str, Any] = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, response
    return response


def _let_be_due(table: Table, company_id: str) -> None:
    key = {"pk": f"COMPANY#{company_id}", "sk": "RECONCILIATION"}
    table.update(key, {"reconcileAt": "2026-01-01T00:00:00.000Z"}, {})


def test_a_lost_webhook_is_made_up_for(stack: Outputs, codat: SimulatorControl, table: Table) -> None:
    """Discover a company and its sync by Codat's lists only, until the table is reported as complete."""
    company_id = codat.add_company().company_id
    ended = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    sync = codat.add_sync(company_id=company_id, code=2000, items=(Item("t"),), sync_utc=ended)
    table.update({"pk": "RECONCILE", "sk": "DIRECTORY"}, {"nextAt": None}, {})
    assert _reconcile(stack)["enqueued"] >= 1
    store, completeness = SyncRepository(table, event_retention=timedelta()), Completeness(table)
    document = eventually(lambda: store.load_sync(sync.sync_id))
    assert document.outcome is Outcome.SUCCEEDED
    found = completeness.company(company_id)
    assert found
    assert found.complete_as_of is None
    _let_be_due(table, company_id)
    assert _reconcile(stack)["stopReason"] == "completed"
    found = completeness.company(company_id)
    assert found
    assert found.complete_as_of == found.compared_at


def test_the_sample_syncs_of_the_local_stack_are_complete(
    stack: Outputs, codat: SimulatorControl, table: Table
) -> None:
    """Nothing of them is missing or on its way: a new local stack shows no warning."""
    before = {company.company_id for company in codat.state().companies}
    SampleHistory(stack, codat, days=1).generate()
    codat.stop_settling()
    added = {company.company_id for company in codat.state().companies} - before
    completeness = Completeness(table)
    table.update({"pk": "RECONCILE", "sk": "DIRECTORY"}, {"nextAt": None}, {})
    _reconcile(stack)
    found = {each: completeness.company(each) for each in added}
    assert len(found) > 1
    assert {each: company and dict(company.reasons) for each, company in found.items()} == {each: {} for each in added}


@pytest.mark.parametrize(
    ("consumer", "state"),
    [
        (WebhookUrl(""), EndpointState.HEALTHY),
        (WebhookUrl("", disabled=True), EndpointState.DISABLED),
        (WebhookUrl("https://example.com/hook"), EndpointState.WRONG_URL),
    ],
)
def test_the_endpoint_is_watched(
    stack: Outputs, codat: SimulatorControl, table: Table, consumer: WebhookUrl, state: EndpointState
) -> None:
    """The function knows its own URL, here the one left empty, from the template."""
    codat.set_webhook_url(consumer.url or stack.webhook_url, disabled=consumer.disabled)
    table.update({"pk": "RECONCILE", "sk": "ENDPOINT"}, {"nextAt": None}, {})
    _reconcile(stack)
    assert ReconciliationRunRepository(table).load_endpoint().state is state


def test_without_reconcile_the_rest_is_deployed() -> None:
    """It is switched by a parameter: webhooks come in as before."""
    with local_stack("core", parameters={"ReconcileEnabled": "false"}) as outputs:
        aws = LocalAws(outputs.aws_endpoint_url)
        assert "ReconcileFunction" not in physical_ids(aws.cloudformation)
        store = SyncRepository(Table(aws.dynamodb, outputs.table_name), event_retention=timedelta())
        with SimulatorControl(outputs.codat_url) as codat:
            sync = codat.add_sync(company_id=codat.add_company().company_id, code=2000, items=(Item("t"),))
            codat.send_webhook(NewWebhook(sync_id=sync.sync_id))
            assert eventually(lambda: store.load_sync(sync.sync_id)).outcome is Outcome.SUCCEEDED
