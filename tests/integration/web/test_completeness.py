"""Show reconciliation results on the dashboard, on a company's page, and in the JSON API."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from codat_sync.aws.dynamodb import Table
from codat_sync.aws.table_schema import COMPLETENESS
from codat_sync.reconciliation.completeness import CompanyCompleteness, summarize
from codat_sync.reconciliation.run_repository import DirectoryProgress
from dev.codat_simulator.books.models import Item
from dev.codat_simulator.faults import Fault
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID, SYNC_ID, load
from tests.support.aws import WEBHOOK_URL, Aws
from tests.support.handlers import StartFunction
from tests.support.reconciliation_world import LONG_AGO, Clock, Reconcile, make_reconcile
from tests.support.sqs_batches import batch, message

NOW = datetime(2026, 11, 24, 22, 0, tzinfo=UTC)


@pytest.fixture
def reconcile(start: StartFunction, aws: Aws, simulated: SimulatedCodat) -> Reconcile:
    """Return reconcile after one run that found the table complete."""
    clock = Clock()
    simulated.now = clock
    simulated.set_webhook_consumer(WEBHOOK_URL)
    simulated.change_sync(SYNC_ID, sync_utc=LONG_AGO)
    made = make_reconcile(aws, simulated.transport(), start("worker"), clock)
    made.run()
    made.work()
    clock.pass_by(minutes=6)
    made.run()
    return made


@pytest.fixture
def ask(start: StartFunction, aws: Aws) -> Callable[[str], str]:
    """Return a function that gets a path of the pages or the API, in the local environment."""
    aws.environment.update({"ENVIRONMENT": "local", "AUTHENTICATION": "off"})
    handler = start("health")

    def asked(path: str) -> str:
        event = load("health", "sync")
        event["rawPath"] = event["requestContext"]["http"]["path"] = path
        answer = handler(event)
        assert answer["statusCode"] == 200, answer["body"]
        text: str = answer["body"]
        return text

    return asked


def _api(ask: Callable[[str], str]) -> Any:  # noqa: ANN401 - JSON
    return json.loads(ask("/api/v1/completeness"))


def test_missing_syncs_are_shown_with_reasons_and_the_number_found_without_a_webhook(
    reconcile: Reconcile, simulated: SimulatedCodat, ask: Callable[[str], str]
) -> None:
    """Show them for all companies, and for one."""
    before = _api(ask)["overall"]
    assert (before["reasons"], before["missing"], before["neverComplete"]) == ({}, 0, 0)
    assert before["completeAsOf"]
    reconcile.clock.pass_by(hours=7)
    ended = (simulated.now() - timedelta(hours=1)).isoformat()
    for _ in range(2):
        simulated.add_sync(simulated.company(COMPANY_ID), 2000, [Item("t")], sync_utc=ended)
    reconcile.run()
    found = _api(ask)
    assert (found["overall"]["reasons"], found["overall"]["missing"]) == ({"missing": 2}, 2)
    assert found["endpoint"]["state"] == "healthy"
    company = json.loads(ask(f"/api/v1/companies/{COMPANY_ID}"))["completeness"]
    assert (company["reasons"], company["missing"], company["problem"]) == ({"missing": 2}, 2, None)
    for path in ("/", f"/company/{COMPANY_ID}"):
        page = ask(path)
        assert "2 missing syncs are being fetched" in page
        assert "2 syncs" in page.partition("ound without a webhook")[2][:60], path


@pytest.mark.parametrize(
    ("consumer", "state", "notice"),
    [
        ({"disabled": True}, "disabled", "Codat has disabled our webhook endpoint"),
        ({"company_tags": ("region:us",)}, "filtered", "Codat sends us webhooks only for companies with certain tags"),
    ],
)
def test_an_unhealthy_endpoint_is_shown_at_the_top(  # noqa: PLR0913, PLR0917 - what is made, and what is expected
    reconcile: Reconcile,
    simulated: SimulatedCodat,
    ask: Callable[[str], str],
    consumer: dict[str, Any],
    state: str,
    notice: str,
) -> None:
    """The notice says since when, and how syncs are found meanwhile."""
    assert notice not in ask("/")
    simulated.set_webhook_consumer(WEBHOOK_URL, **consumer)
    reconcile.clock.pass_by(hours=2)
    reconcile.run()
    assert _api(ask)["endpoint"]["state"] == state
    assert notice in ask("/")


def test_the_example_event_is_shown_as_a_test(
    start: StartFunction, reconcile: Reconcile, ask: Callable[[str], str]
) -> None:
    """With the time at which it arrived, as proof that webhooks get through."""
    reconcile.run()
    assert _api(ask)["endpoint"]["exampleReceivedAt"] is None
    assert "Not received" in ask("/")
    company = {"id": "0498e921-9b53-4396-a412-4f2f5983b0a2"}
    event = {"eventType": "expenses.sync.successful", "payload": {"referenceCompany": company, "syncId": "any"}}
    start("worker")(batch(message(event, receivedAt="2026-11-24T21:59:00.000Z")))
    assert _api(ask)["endpoint"]["exampleReceivedAt"].startswith("2026-11-24T21:59:00")
    assert "Last received" in ask("/")


def test_an_outdated_endpoint_state_is_not_shown(
    reconcile: Reconcile, simulated: SimulatedCodat, ask: Callable[[str], str]
) -> None:
    """The endpoint is not monitored in this state."""
    simulated.faults.add(Fault("status", status=403, path="^/webhooks$"))
    reconcile.clock.pass_by(hours=2)
    reconcile.run()
    assert _api(ask)["endpoint"]["state"] == "unknown"
    page = ask("/")
    assert "The state of our webhook endpoint in Codat could not be determined" in page
    assert '<span class="tag bad">Unknown</span>' in page


def test_a_company_without_a_sync_is_shown_as_codat_lists_it(
    reconcile: Reconcile, simulated: SimulatedCodat, ask: Callable[[str], str]
) -> None:
    """It is included in the completeness totals."""
    company = simulated.add_company()
    reconcile.clock.pass_by(hours=2)
    reconcile.run()
    assert json.loads(ask(f"/api/v1/companies/{company.company_id}"))["completeness"]["completeAsOf"]
    assert "Complete as of" in ask(f"/company/{company.company_id}")


def test_a_sync_that_codat_does_not_list_is_not_missing() -> None:
    """It is reported separately, to an operator."""
    known = [CompanyCompleteness("one", NOW, reasons={"notListed": 1}), CompanyCompleteness("two", NOW)]
    overall = summarize(known, DirectoryProgress(NOW, NOW, NOW), NOW)
    assert (overall.incomplete, overall.reasons, overall.complete_as_of) == (0, {"notListed": 1}, NOW)
    known[1] = CompanyCompleteness("two", NOW, reasons={"omitted": 1})
    assert summarize(known, DirectoryProgress(NOW, NOW, NOW), NOW).incomplete == 1


def test_until_codats_list_is_read_it_says_so(aws: Aws, ask: Callable[[str], str]) -> None:
    """All companies known so far may be complete already."""
    known = {"asOf": "2026-11-24T10:00:00.000Z", "companies": 3, "never": 0}
    Table(aws.dynamodb, "syncs").update(COMPLETENESS, known, {})
    page = ask("/")
    assert "list of companies has not been read completely" in page
    assert "0 of 3" not in page
    assert "24 Nov 2026, 10:00:00" in page


def test_a_company_that_cannot_be_compared_says_why(
    reconcile: Reconcile, simulated: SimulatedCodat, ask: Callable[[str], str]
) -> None:
    """Show the reason of the last comparison."""
    for _ in range(3):
        simulated.faults.add(Fault("wrong_shape", path="list/status$"))
    reconcile.clock.pass_by(hours=7)
    reconcile.run()
    problem = json.loads(ask(f"/api/v1/companies/{COMPANY_ID}"))["completeness"]["problem"]
    assert problem
    assert f"<dt>Last check failed</dt><dd>{problem}" in ask(f"/company/{COMPANY_ID}").replace("&#39;", "'")
    assert "1 could not be checked" in ask("/")


def test_before_anything_was_compared_nothing_is_claimed(ask: Callable[[str], str]) -> None:
    """This is permanent where reconcile is disabled."""
    found = _api(ask)
    assert (found["overall"]["completeAsOf"], found["overall"]["asOf"], found["endpoint"]["state"]) == (
        None,
        None,
        None,
    )
    page = ask("/")
    assert "Not compared yet" in page
    assert "Complete as of" not in page
