"""Carry on when Codat fails, refuses or answers malformed."""

from dataclasses import replace
from datetime import timedelta

import pytest

from codat_sync.aws.dynamodb import Table
from codat_sync.aws.table_schema import ENDPOINT, reconciliation_key, sync_key
from codat_sync.reconciliation.company_state import LEASE
from codat_sync.reconciliation.run import StopReason
from codat_sync.webhooks.endpoint import EndpointState
from dev.codat_simulator.faults import Fault
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID, SYNC_ID
from tests.support.aws import WEBHOOK_URL, Aws
from tests.support.reconciliation_world import LIST_PATH, Reconcile, catch_up, count_lists, load_completeness


@pytest.mark.parametrize("status", [402, 403])
def test_a_rejected_company_does_not_close_the_gate(
    reconcile: Reconcile, simulated: SimulatedCodat, status: int
) -> None:
    """However many they are: they are passed over, and tried again ever more seldom."""
    other = simulated.add_company().company_id
    refused = [COMPANY_ID, *(simulated.add_company().company_id for _ in range(5))]
    for company_id in refused:
        simulated.faults.add(Fault("status", status=status, times=99, path=LIST_PATH, company_id=company_id))
    assert reconcile.run().stop_reason is StopReason.COMPLETED
    assert load_completeness(reconcile).problem == "Codat refuses requests for this company"
    assert load_completeness(reconcile, other).complete_as_of
    for _ in range(24 * 2):
        reconcile.clock.pass_by(minutes=30)
        assert reconcile.run().stop_reason is StopReason.COMPLETED
    asked = [call.company_id for call in simulated.requests.matching(LIST_PATH)]
    assert 4 <= asked.count(COMPANY_ID) <= 8


@pytest.mark.parametrize("path", ["^/webhooks$", "^/companies$"])
@pytest.mark.parametrize("fault", [Fault("status", status=403), Fault("status", status=500), Fault("cut")])
def test_a_failure_that_concerns_no_company_delays_none(
    reconcile: Reconcile, simulated: SimulatedCodat, path: str, fault: Fault
) -> None:
    """It is asked once an hour, and the gate stays open."""
    reconcile.store.start_tracking([COMPANY_ID], reconcile.clock())
    simulated.faults.add(replace(fault, times=99, path=path))
    for _ in range(12):
        assert reconcile.run().stop_reason is StopReason.COMPLETED
        reconcile.work()
        reconcile.clock.pass_by(minutes=5)
    tries = len(simulated.requests.matching(path))
    assert tries == (1 if fault.status == 403 else 3)
    reconcile.clock.pass_by(minutes=1)
    reconcile.run()
    assert len(simulated.requests.matching(path)) == 2 * tries
    assert load_completeness(reconcile).complete_as_of


def test_an_unchanged_endpoint_state_keeps_its_start(reconcile: Reconcile, simulated: SimulatedCodat) -> None:
    """And from anew when that changes; what is not known for a while changes nothing that is wrong."""
    store = reconcile.rounds.endpoint_monitor.run_repository

    def look() -> tuple[str | None, bool]:
        reconcile.clock.pass_by(hours=1, minutes=1)
        reconcile.rounds.run(lambda: False, "reconcile-1")
        found = store.load_endpoint()
        assert found.since
        return found.state, found.since == found.checked_at

    assert look() == ("healthy", True)
    assert look() == ("healthy", False)
    simulated.set_webhook_consumer(WEBHOOK_URL, disabled=True)
    assert look() == ("disabled", True)
    simulated.faults.add(Fault("status", status=404, times=1, path="^/webhooks$"))
    assert look() == ("disabled", True)
    assert look() == ("disabled", False)


def test_a_company_that_codat_fails_for_is_retried_with_backoff(
    reconcile: Reconcile, simulated: SimulatedCodat
) -> None:
    """Its problem is reported, and other companies are hardly affected."""
    other = simulated.add_company().company_id
    simulated.faults.add(Fault("status", status=500, times=999, path=LIST_PATH, company_id=COMPANY_ID))
    for _ in range(36):
        reconcile.run()
        reconcile.clock.pass_by(minutes=5, seconds=1)
    assert load_completeness(reconcile).problem == "Codat does not answer"
    assert load_completeness(reconcile, other).complete_as_of
    assert len([call for call in simulated.requests.matching(LIST_PATH) if call.company_id == COMPANY_ID]) <= 3 * 7


def test_an_unreadable_company_delays_no_other(reconcile: Reconcile, aws: Aws) -> None:
    """Our own fault fails the run after everything else is done, and is reported for the company."""
    reconcile.rounds.discovery.resume(lambda: True)
    reconcile.store.start_tracking(["company-2"], reconcile.clock() + timedelta(seconds=1))
    key = {"pk": "SYNC#broken", "sk": "SYNC"}
    broken = {"companyPk": f"COMPANY#{COMPANY_ID}", "companySk": "2026-01-01", "summary": {}}
    Table(aws.dynamodb, "syncs").update(key, broken, {})
    reconcile.clock.pass_by(seconds=2)
    went = reconcile.run()
    assert isinstance(went.fault, KeyError)
    assert load_completeness(reconcile).problem == "Internal error while comparing the company: see the log"
    assert load_completeness(reconcile, "company-2").next_at
    assert (reconcile.overall.companies, reconcile.overall.problems) == (2, 2)


def test_a_malformed_answer_is_reported_and_retried_later(reconcile: Reconcile, simulated: SimulatedCodat) -> None:
    """It concerns one company: the run continues."""
    simulated.add_company()
    simulated.faults.add(Fault("wrong_shape", times=3, path=LIST_PATH, company_id=COMPANY_ID))
    went = reconcile.run()
    assert (went.stop_reason, len(went.compared)) == (StopReason.COMPLETED, 1)
    assert load_completeness(reconcile).problem == "Codat's answer can't be understood"
    assert load_completeness(reconcile).complete_as_of is None


def test_a_run_stops_while_codat_fails(reconcile: Reconcile, simulated: SimulatedCodat) -> None:
    """And the companies are due again after the lease."""
    for _ in range(6):
        simulated.add_company()
    reconcile.rounds.discovery.resume(lambda: True)
    simulated.faults.add(Fault("status", status=503, times=1000, path=LIST_PATH))
    went = reconcile.run()
    assert (went.stop_reason, went.compared) == (StopReason.CODAT_UNAVAILABLE, [])
    assert count_lists(simulated) == 9
    simulated.faults.clear()
    reconcile.clock.pass_by(seconds=LEASE.total_seconds() + 1)
    assert len(reconcile.run().compared) == 7


def test_a_closed_gate_prevents_all_calls(reconcile: Reconcile, simulated: SimulatedCodat) -> None:
    """The schedule is unchanged."""
    simulated.quota.leave(0)
    reconcile.run()
    asked = len(simulated.requests.entries)
    assert reconcile.run().stop_reason is StopReason.GATE_CLOSED
    assert len(simulated.requests.entries) == asked


def test_a_rejected_key_reschedules_nothing(reconcile: Reconcile, simulated: SimulatedCodat) -> None:
    """Whoever asks first: what is due is so when the gate opens."""
    reconcile.store.start_tracking([COMPANY_ID], reconcile.clock())
    due = reconcile.store.load_due(reconcile.clock(), 10)
    for path in ("^/webhooks$", "^/companies$"):
        simulated.faults.add(Fault("status", status=401, times=1, path=path))
        assert reconcile.run().stop_reason is StopReason.GATE_CLOSED
        assert reconcile.store.load_due(reconcile.clock(), 10) == due
        reconcile.clock.pass_by(minutes=16)
    simulated.faults.add(Fault("status", status=401, times=1, path=LIST_PATH))
    assert reconcile.run().stop_reason is StopReason.GATE_CLOSED
    assert load_completeness(reconcile).problem is None  # It is not this company's.


def test_values_of_a_later_version_do_not_prevent_a_comparison(
    reconcile: Reconcile, aws: Aws, simulated: SimulatedCodat
) -> None:
    """After a rollback, unknown values are checked again or not relied on."""
    catch_up(reconcile)
    table = Table(aws.dynamodb, "syncs")
    document = next(iter(table.get([sync_key(SYNC_ID)])))
    table.update(sync_key(SYNC_ID), {"summary": document["summary"] | {"outcome": "later"}}, {})
    table.update(reconciliation_key(COMPANY_ID), {"unresolved": {SYNC_ID: ["later", None, None]}}, {})
    table.update(ENDPOINT, {"state": "later"}, {})
    reconcile.clock.pass_by(hours=7)
    simulated.set_webhook_consumer(WEBHOOK_URL)
    went = reconcile.run()
    assert (went.stop_reason, went.fault, went.endpoint) == (StopReason.COMPLETED, None, EndpointState.HEALTHY)
    found = load_completeness(reconcile)
    assert (found.reasons, found.compared_at) == ({}, found.complete_as_of)
