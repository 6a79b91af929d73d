"""Bound what reconcile uses: quota, queue and time."""

from datetime import timedelta

from codat_sync.reconciliation.company_state import MAX_UNRESOLVED
from codat_sync.reconciliation.reconciler import MAX_QUEUED
from codat_sync.reconciliation.run import StopReason
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID, SYNC_ID
from tests.support.aws import Aws
from tests.support.handlers import StartFunction
from tests.support.reconciliation_world import (
    LIST_PATH,
    LONG_AGO,
    Reconcile,
    add_unannounced_sync,
    count_lists,
    load_completeness,
    make_reconcile,
)


def test_no_more_than_a_share_of_the_quota_is_used(
    reconcile: Reconcile, aws: Aws, start: StartFunction, simulated: SimulatedCodat
) -> None:
    """The calls that the worker makes for what was enqueued included. The rest goes on the next day."""
    reconcile.clock.passed += timedelta(days=1) - _since_midnight(reconcile)  # at midnight, a 24th is released
    for _ in range(100):
        add_unannounced_sync(simulated)
    sparing = make_reconcile(aws, simulated.transport(), start("worker"), reconcile.clock, percent=5)
    simulated.requests.clear()
    limit = 2000 * 5 // 100
    for _ in range(24):
        sparing.run()
        sparing.work()
        sparing.clock.pass_by(minutes=59, seconds=50)
        calls = [call for call in simulated.requests.entries if call.company_id is None or "/syncs/" in call.path]
        assert len(calls) <= limit
    assert len(calls) > limit / 2
    left = 101 - len(sparing.store.load_summaries(COMPANY_ID))
    assert left
    assert load_completeness(sparing).complete_as_of is None
    sparing.clock.pass_by(hours=12)
    sparing.run()
    assert sparing.work()


def _since_midnight(reconcile: Reconcile) -> timedelta:
    now = reconcile.clock()
    return timedelta(hours=now.hour, minutes=now.minute, seconds=now.second - 1)


def test_reconcile_leaves_the_last_of_the_daily_quota_to_others(
    reconcile: Reconcile, simulated: SimulatedCodat
) -> None:
    """A webhook's sync can't wait until tomorrow, a comparison can."""
    reconcile.clock.passed += timedelta(hours=36) - _since_midnight(reconcile)  # at noon, so that it is not tomorrow
    reconcile.run()
    simulated.quota.leave(150)
    reconcile.rounds.reconciler.codat.has_company(COMPANY_ID)  # learns the remaining quota
    reconcile.clock.pass_by(minutes=6)
    asked = len(simulated.requests.entries)
    assert reconcile.run().stop_reason is StopReason.BUDGET_USED
    assert len(simulated.requests.entries) == asked


def test_thousands_of_syncs_are_filled_in_a_bounded_number_at_a_time(
    reconcile: Reconcile, simulated: SimulatedCodat
) -> None:
    """The youngest first; nothing is claimed before the last one is there."""
    company = simulated.company(COMPANY_ID)
    for number in range(2_000):
        simulated.add_sync(company, 2040, sync_id=f"old-{number}", sync_utc=LONG_AGO)
    young = [add_unannounced_sync(simulated) for _ in range(MAX_UNRESOLVED - 1)]
    reconcile.run()
    checks = reconcile.checks()
    assert len(checks) == MAX_UNRESOLVED
    assert {check["syncId"] for check in checks} >= set(young)
    found = load_completeness(reconcile)
    assert (found.listed, sum(found.reasons.values()), found.reasons["omitted"]) == (
        2_000 + MAX_UNRESOLVED,
        2_000 + MAX_UNRESOLVED,
        2_000,
    )
    assert found.complete_as_of is None
    assert count_lists(simulated) == 1
    # Those are known to be on their way: the next comparison goes on with others.
    reconcile.clock.pass_by(minutes=6)
    reconcile.run()
    assert {check["syncId"] for check in reconcile.checks()}.isdisjoint(check["syncId"] for check in checks)


def test_a_queue_that_is_full_is_not_filled_further(reconcile: Reconcile, aws: Aws) -> None:
    """The worker has enough to do; what is missing is enqueued when there is room."""
    url = aws.environment["SYNC_QUEUE_URL"]
    for start in range(0, MAX_QUEUED, 10):
        entries = [{"Id": str(number), "MessageBody": "full"} for number in range(start, start + 10)]
        aws.sqs.send_message_batch(QueueUrl=url, Entries=entries)  # type: ignore[arg-type]
    reconcile.run()
    assert reconcile.rounds.reconciler.queue.depth() == MAX_QUEUED
    aws.sqs.purge_queue(QueueUrl=url)
    reconcile.clock.pass_by(minutes=6)
    reconcile.run()
    assert [check["syncId"] for check in reconcile.checks()] == [SYNC_ID]


def test_the_next_run_continues_where_one_stopped(reconcile: Reconcile, simulated: SimulatedCodat) -> None:
    """Hundreds of them, which take six pages of Codat's list: no page and no company twice."""
    for number in range(550):
        simulated.add_company(company_id=f"company-{number}")
    pages = iter([True] * 3)
    reconcile.run(lambda: next(pages, False))
    directory = reconcile.rounds.discovery.run_repository.load_directory()
    assert (directory.page, directory.pages, directory.listed_as_of) == (4, 6, None)
    assert 0 < directory.progress < 1
    assert reconcile.overall.complete_as_of is None
    turns = iter([True] * 24)
    went = reconcile.run(lambda: next(turns, False))
    assert went.stop_reason is StopReason.OUT_OF_TIME
    asked = [call.query.split("page=")[1].split("&")[0] for call in simulated.requests.matching("^/companies$")]
    assert asked == ["1", *map(str, range(6, 0, -1))]
    assert len(went.compared) == 20
    turns = iter([True] * 20)
    assert len(reconcile.run(lambda: next(turns, False)).compared) == 20
    requested_company_ids = [call.company_id for call in simulated.requests.matching(LIST_PATH)]
    assert len(requested_company_ids) == len(set(requested_company_ids)) == 40


def test_a_company_that_is_deleted_while_the_list_is_read_hides_no_other(
    reconcile: Reconcile, simulated: SimulatedCodat
) -> None:
    """Those after it move up by one: to a page that is still to be read."""
    for number in range(250):
        simulated.add_company(company_id=f"company-{number}")
    turns = iter([True] * 2)
    reconcile.rounds.discovery.resume(lambda: next(turns, False))
    for number in range(10):
        simulated.delete_company(f"company-{number}")
    reconcile.rounds.discovery.resume(lambda: True)
    assert all(reconcile.completeness.company(f"company-{number}") for number in range(10, 250))
