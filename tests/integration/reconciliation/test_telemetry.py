"""Reconcile reports completeness and what needs an operator."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from codat_sync.aws.dynamodb import Table
from codat_sync.reconciliation.run_repository import ReconciliationRunRepository
from codat_sync.syncs.repository import SyncRepository
from codat_sync.webhooks.endpoint import EndpointState
from dev.codat_simulator.books.models import Item
from dev.codat_simulator.faults import Fault
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID, SYNC_ID
from tests.integration.ingestion.test_telemetry import Output
from tests.support.aws import WEBHOOK_URL, Aws
from tests.support.handlers import StartFunction
from tests.support.sqs_batches import batch, of

_REMAINING = {"remaining_ms": 290_000}


@pytest.fixture
def output(capsys: pytest.CaptureFixture[str]) -> Callable[[], Output]:
    """Return what was written since it was asked last."""
    return lambda: Output(capsys.readouterr().out)


@pytest.fixture
def rounds_store(aws: Aws) -> ReconciliationRunRepository:
    return ReconciliationRunRepository(Table(aws.dynamodb, "syncs"))


@pytest.mark.parametrize(
    ("url", "state"),
    [
        (WEBHOOK_URL, EndpointState.DISABLED),
        (WEBHOOK_URL, EndpointState.FILTERED),
        ("https://example.com", EndpointState.WRONG_URL),
    ],
)
def test_an_endpoint_that_gets_nothing_is_an_error(  # noqa: PLR0913, PLR0917 - what is made, and what is expected
    start: StartFunction,
    simulated: SimulatedCodat,
    rounds_store: ReconciliationRunRepository,
    output: Callable[[], Output],
    url: str,
    state: EndpointState,
) -> None:
    """In the log, in a metric and in the table, with since when; asked once an hour."""
    tags = ("region:us",) if state is EndpointState.FILTERED else ()
    simulated.set_webhook_consumer(url, disabled=state is EndpointState.DISABLED, company_tags=tags)
    reconcile = start("reconcile")
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    reconcile(dict(_REMAINING))
    reconcile(dict(_REMAINING))
    emitted = output()
    assert [line["state"] for line in emitted.lines if line["message"] == "webhook endpoint unhealthy"] == [state]
    assert emitted.values("EndpointUnhealthy") == [1]
    endpoint = rounds_store.load_endpoint()
    assert endpoint.since
    assert (endpoint.state, endpoint.since >= before, endpoint.since == endpoint.checked_at) == (state, True, True)
    assert len(simulated.requests.matching("^/webhooks$")) == 1


def test_a_healthy_endpoint_is_reported_as_healthy(
    start: StartFunction,
    simulated: SimulatedCodat,
    rounds_store: ReconciliationRunRepository,
    output: Callable[[], Output],
) -> None:
    """An alarm can detect that it is being checked."""
    simulated.set_webhook_consumer(WEBHOOK_URL)
    start("reconcile")(dict(_REMAINING))
    assert output().values("EndpointUnhealthy") == [0]
    assert rounds_store.load_endpoint().state is EndpointState.HEALTHY


def test_an_endpoint_that_cant_be_asked_about_does_not_keep_companies_from_being_compared(
    start: StartFunction, simulated: SimulatedCodat, output: Callable[[], Output]
) -> None:
    """Nor does a list of companies that fails: the one known from an event is compared."""
    start("worker")(batch(of(simulated, simulated.sync(SYNC_ID))))
    simulated.faults.add(Fault("status", status=500, times=6, path="^/(webhooks|companies)$"))
    answer = start("reconcile")(dict(_REMAINING))
    assert answer["compared"] == 1
    emitted = output()
    assert [line["subject"] for line in emitted.lines if line["message"] == "comparison failed"] == [
        "endpoint",
        "companies",
    ]
    assert emitted.values("ComparisonsFailed") == [1, 1]


@pytest.mark.parametrize("fault", [Fault("status", status=403), Fault("status", status=404)])
def test_an_endpoint_that_codat_does_not_list_is_an_error(
    start: StartFunction, simulated: SimulatedCodat, output: Callable[[], Output], fault: Fault
) -> None:
    """Else nobody would know that nobody watches."""
    simulated.faults.add(replace(fault, times=3, path="^/webhooks$"))
    assert start("reconcile")(dict(_REMAINING))["stopReason"] == "completed"
    emitted = output()
    assert emitted.values("EndpointUnhealthy") == [1]
    assert [line["state"] for line in emitted.lines if line["message"] == "webhook endpoint unhealthy"] == ["unknown"]


def test_our_own_fault_fails_the_function_after_everything_else_is_reported(
    start: StartFunction, store: SyncRepository, simulated: SimulatedCodat, output: Callable[[], Output]
) -> None:
    """So that its alarm rings, and what is known of the others does not get lost."""
    start("worker")(batch(of(simulated, simulated.sync(SYNC_ID))))
    store.table.update(
        {"pk": "SYNC#broken", "sk": "SYNC"},
        {"companyPk": f"COMPANY#{COMPANY_ID}", "companySk": "2026-01-01", "summary": {}},
        {},
    )
    with pytest.raises(KeyError):
        start("reconcile")(dict(_REMAINING))
    emitted = output()
    assert [line["subject"] for line in emitted.lines if line["message"] == "comparison failed"] == [COMPANY_ID]
    assert [line["companies"] for line in emitted.lines if line["message"] == "reconciliation run finished"] == [1]


def test_syncs_that_no_webhook_announced_are_an_error(
    start: StartFunction,
    store: SyncRepository,
    simulated: SimulatedCodat,
    rounds_store: ReconciliationRunRepository,
    output: Callable[[], Output],
) -> None:
    """Syncs since the start are logged with ids, counted, and stored with the endpoint's state."""
    start("worker")(batch(of(simulated, simulated.sync(SYNC_ID))))
    store.table.update({"pk": "RECONCILE", "sk": "DIRECTORY"}, {"beganAt": "2026-01-01T00:00:00.000Z"}, {})
    ended = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    lost = simulated.add_sync(simulated.company(COMPANY_ID), 2000, [Item("t", message="private")], sync_utc=ended)
    start("reconcile")(dict(_REMAINING))
    emitted = output()
    (line,) = [line for line in emitted.lines if line["message"] == "webhooks missed"]
    assert (line["level"], line["company_id"], line["sync_ids"]) == ("ERROR", COMPANY_ID, [lost.sync_id])
    assert emitted.count("WebhooksMissed") == 1
    assert emitted.count("SyncDiscrepancies", discrepancy="missing") == 1
    assert (emitted.count("CompaniesIncomplete"), emitted.count("CompaniesNeverComplete")) == (1, 1)
    assert emitted.values("CompletenessAge") == []
    endpoint = rounds_store.load_endpoint()
    assert (endpoint.missed_webhooks, endpoint.last_missed_at is not None) == (1, True)
    assert "private" not in str(emitted.lines)


def test_how_old_the_claim_is_is_a_metric(
    start: StartFunction, simulated: SimulatedCodat, output: Callable[[], Output]
) -> None:
    """Only where there is one; the calls to Codat are counted as everywhere."""
    start("worker")(batch(of(simulated, simulated.sync(SYNC_ID))))
    reconcile = start("reconcile")
    reconcile(dict(_REMAINING))
    output()
    answer = reconcile(dict(_REMAINING))
    assert answer["completeAsOf"]
    emitted = output()
    (age,) = emitted.values("CompletenessAge")
    assert 0 <= age < 60
    assert emitted.count("ReconcileRuns", stopReason="completed") == 1
    (line,) = [line for line in emitted.lines if line["message"] == "reconciliation run finished"]
    assert (line["companies"], line["never_complete"], line["complete_as_of"]) == (1, 0, answer["completeAsOf"])
