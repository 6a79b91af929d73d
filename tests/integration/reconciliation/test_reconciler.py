"""Find, enqueue and ingest the syncs that no webhook announced."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import httpx
import pytest

from codat_sync.aws.table_schema import listing_index_keys, sync_key
from codat_sync.polling.schedule import CheckFailure
from codat_sync.syncs.repository import SyncRepository
from codat_sync.syncs.status_codes import Outcome
from dev.codat_simulator.books.models import Item
from dev.codat_simulator.faults import Fault
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID, RECONCILE_ANSWERS, SYNC_ID, load
from tests.support.aws import Aws
from tests.support.botocore_calls import intercept_calls
from tests.support.handlers import StartFunction
from tests.support.reconciliation_world import (
    LONG_AGO,
    Reconcile,
    add_unannounced_sync,
    catch_up,
    count_lists,
    load_completeness,
    make_reconcile,
)
from tests.support.sqs_batches import batch, failed, message, of

_REMAINING = {"remaining_ms": 290_000}


# ---------------------------------------------------------------- through the real handlers


def test_a_sync_whose_webhook_was_lost_is_found(
    start: StartFunction, aws: Aws, store: SyncRepository, simulated: SimulatedCodat
) -> None:
    """By nothing but Codat's own lists: of companies, and of the company's syncs. The worker writes it."""
    simulated.change_sync(SYNC_ID, sync_utc=LONG_AGO)
    answer = start("reconcile")(dict(_REMAINING))
    assert answer == {"stopReason": "completed", "compared": 1, "enqueued": 1, "completeAsOf": None}
    assert store.load_sync(SYNC_ID) is None
    checks = [sent["Body"] for sent in aws.messages("SYNC_QUEUE")]
    assert failed(start("worker")(batch(*checks))) == []
    document = store.load_sync(SYNC_ID)
    assert document
    assert (document.outcome, document.version, len(document.items)) == (Outcome.FAILED, 1, 2)


@pytest.mark.parametrize("name", list(RECONCILE_ANSWERS))
def test_while_nothing_is_missing_reconcile_says_so(start: StartFunction, simulated: SimulatedCodat, name: str) -> None:
    """With every stored event."""
    start("worker")(batch(of(simulated, simulated.sync(SYNC_ID))))
    answer = start("reconcile")(load("reconcile", name) | _REMAINING)
    assert {key: answer[key] for key in RECONCILE_ANSWERS[name]} == RECONCILE_ANSWERS[name]
    assert answer["compared"] == 1


# ---------------------------------------------------------------- findings


def test_a_document_that_differs_from_codats_list_is_stale(
    reconcile: Reconcile, store: SyncRepository, simulated: SimulatedCodat
) -> None:
    """The worker asks anew."""
    catch_up(reconcile)
    simulated.change_sync(SYNC_ID, code=2000, items=(Item("t"),))
    reconcile.clock.pass_by(hours=7)
    reconcile.run()
    assert load_completeness(reconcile).reasons == {"stale": 1}
    (check,) = reconcile.checks()
    assert (check["syncId"], check["version"]) == (SYNC_ID, 1)
    assert failed(reconcile.worker(batch(check))) == []
    document = store.load_sync(SYNC_ID)
    assert document
    assert document.outcome is Outcome.SUCCEEDED


def test_an_incorrect_list_costs_one_call(
    aws: Aws, start: StartFunction, reconcile: Reconcile, simulated: SimulatedCodat
) -> None:
    """If Codat says of the sync itself what the table has, nothing is stale; and it is not asked that again."""
    catch_up(reconcile)

    def with_another_time(request: httpx.Request) -> httpx.Response:
        answer = simulated.handle(request)
        if not request.url.path.endswith("list/status"):
            return answer
        said = [status | {"syncUtc": "2026-01-05"} for status in answer.json()]
        return httpx.Response(200, json=said, headers={"X-Rate-Limit-Limit": "2000", "X-Rate-Limit-Remaining": "1500"})

    other = make_reconcile(aws, httpx.MockTransport(with_another_time), start("worker"), reconcile.clock)
    simulated.requests.clear()
    for _ in range(2):
        other.clock.pass_by(hours=7)
        at = other.clock()
        other.run()
        found = load_completeness(other)
        assert found.complete_as_of
        assert found.complete_as_of >= at - timedelta(milliseconds=1)
        assert (found.reasons, other.checks()) == ({}, [])
    assert len(simulated.requests.matching(f"{SYNC_ID}/status$")) == 1


def test_an_overdue_sync_counts_as_stuck(
    reconcile: Reconcile, store: SyncRepository, simulated: SimulatedCodat
) -> None:
    """Here the clock stands still."""
    simulated.change_sync(SYNC_ID, code=1000)
    reconcile.run()
    reconcile.work()
    reconcile.clock.pass_by(minutes=6)
    reconcile.run()
    assert load_completeness(reconcile).reasons == {}  # It is in progress, and polled anyway.
    simulated.change_sync(SYNC_ID, code=2000, items=(Item("t"),))
    reconcile.clock.pass_by(hours=1)
    reconcile.run()
    assert load_completeness(reconcile).reasons == {"stuck": 1}
    assert reconcile.work() == 1
    document = store.load_sync(SYNC_ID)
    assert document
    assert document.outcome is Outcome.SUCCEEDED


def test_a_recent_sync_is_not_yet_counted_as_missed(reconcile: Reconcile, simulated: SimulatedCodat) -> None:
    """Codat tries again after five minutes: nothing is fetched twice for that, and nobody is alarmed."""
    catch_up(reconcile)
    sync = simulated.add_sync(simulated.company(COMPANY_ID), 2000, [Item("t")])
    complete_as_of = load_completeness(reconcile).complete_as_of
    reconcile.clock.pass_by(minutes=1)
    simulated.change_sync(sync.sync_id, sync_utc=reconcile.clock().isoformat())
    reconcile.clock.pass_by(hours=7)
    simulated.change_sync(sync.sync_id, sync_utc=reconcile.clock().isoformat())
    reconcile.run()
    assert load_completeness(reconcile).reasons == {"pending": 1}
    assert complete_as_of
    assert reconcile.checks() == []
    reconcile.worker(batch(of(simulated, simulated.sync(sync.sync_id))))
    reconcile.clock.pass_by(minutes=6)
    reconcile.run()
    assert (load_completeness(reconcile).reasons, load_completeness(reconcile).missing) == ({}, 0)


def test_only_syncs_that_ended_since_the_start_count_as_missed(reconcile: Reconcile, simulated: SimulatedCodat) -> None:
    """History is filled in, and what goes on has no webhook yet."""
    catch_up(reconcile)
    assert load_completeness(reconcile).missing == 0
    add_unannounced_sync(simulated, 2000)
    add_unannounced_sync(simulated, 1000)
    reconcile.clock.pass_by(hours=7)
    reconcile.run()
    assert (load_completeness(reconcile).missing, load_completeness(reconcile).reasons) == (1, {"missing": 2})
    assert [each.lost for each in reconcile.comparisons if each.lost] != []


def test_an_answer_in_the_dead_letter_queue_keeps_complete_as_of_unchanged(
    reconcile: Reconcile, aws: Aws, simulated: SimulatedCodat
) -> None:
    """It is not fetched repeatedly, and its reason is reported; after redriving the company is complete."""
    simulated.faults.add(Fault("wrong_shape", times=3, path=f"{SYNC_ID}/transactions"))
    reconcile.run()
    assert reconcile.work() == 1
    (dead,) = aws.messages("SYNC_DEAD_LETTER_QUEUE")
    for _ in range(3):
        reconcile.clock.pass_by(hours=7)
        reconcile.run()
        assert (load_completeness(reconcile).reasons, reconcile.checks()) == ({"deadLettered": 1}, [])
    assert load_completeness(reconcile).complete_as_of is None
    assert failed(reconcile.worker(batch(dead["Body"]))) == []
    reconcile.clock.pass_by(hours=7)
    reconcile.run()
    assert load_completeness(reconcile).complete_as_of


def test_a_dead_lettered_sync_stays_unresolved_when_its_dead_letter_is_gone(
    reconcile: Reconcile, aws: Aws, simulated: SimulatedCodat
) -> None:
    """Dropped, or kept for its two weeks: Codat is asked again, and may say something else by then."""
    simulated.faults.add(Fault("wrong_shape", times=3, path=f"{SYNC_ID}/transactions"))
    reconcile.run()
    reconcile.work()
    assert aws.messages("SYNC_DEAD_LETTER_QUEUE")
    for _ in range(2):
        reconcile.clock.pass_by(days=6)
        reconcile.run()
        assert (reconcile.work(), load_completeness(reconcile).reasons) == (0, {"deadLettered": 1})
    reconcile.clock.pass_by(days=3)
    reconcile.run()
    assert reconcile.work() == 1
    reconcile.clock.pass_by(hours=7)
    reconcile.run()
    assert load_completeness(reconcile).complete_as_of


# ---------------------------------------------------------------- concurrency


def test_a_webhook_and_a_check_in_one_batch_fetch_the_sync_once(
    reconcile: Reconcile, store: SyncRepository, simulated: SimulatedCodat
) -> None:
    """In one batch, and one after the other: the check names the version that it found."""
    reconcile.run()
    (check,) = reconcile.checks()
    simulated.requests.clear()
    event = of(simulated, simulated.sync(SYNC_ID))
    assert failed(reconcile.worker(batch(check, event))) == []
    assert failed(reconcile.worker(batch(check, event))) == []
    assert len(simulated.requests.matching("/syncs/")) == 2
    document = store.load_sync(SYNC_ID)
    assert document
    assert document.version == 1


def test_a_check_after_the_webhook_does_not_call_codat(reconcile: Reconcile, simulated: SimulatedCodat) -> None:
    """Version 0 is gone."""
    reconcile.run()
    (check,) = reconcile.checks()
    assert failed(reconcile.worker(batch(of(simulated, simulated.sync(SYNC_ID))))) == []
    simulated.requests.clear()
    assert failed(reconcile.worker(batch(check, check))) == []
    assert simulated.requests.entries == ()


def test_a_check_is_deferred_in_the_table_when_codat_fails(
    reconcile: Reconcile, store: SyncRepository, simulated: SimulatedCodat
) -> None:
    """The sync is stored as announced and polled."""
    reconcile.run()
    (check,) = reconcile.checks()
    simulated.faults.add(Fault("status", status=503, times=3, sync_id=SYNC_ID))
    assert failed(reconcile.worker(batch(check))) == []
    document = store.load_sync(SYNC_ID)
    assert document
    assert document.pending_check
    assert (document.outcome, document.pending_check.check_failure) == (Outcome.ANNOUNCED, CheckFailure.UNAVAILABLE)
    assert document.pending_check.correlation_id == "reconcile-1"


def test_concurrent_runs_compare_each_company_once(
    reconcile: Reconcile, aws: Aws, start: StartFunction, simulated: SimulatedCodat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And enqueue each sync once."""
    # moto checks a condition and writes in two steps, between which threads can interleave.
    lock = threading.Lock()

    def one_at_a_time(_operation: str, _parameters: object, proceed: Callable[[], object]) -> object:
        with lock:
            return proceed()

    intercept_calls(monkeypatch, one_at_a_time)
    for number in range(12):
        simulated.add_company(company_id=f"company-{number}")
        add_unannounced_sync(simulated, company_id=f"company-{number}")
    reconcile.rounds.discovery.resume(lambda: True)
    others = [make_reconcile(aws, simulated.transport(), start("worker"), reconcile.clock) for _ in range(3)]
    with ThreadPoolExecutor(4) as pool:
        went = list(pool.map(lambda each: each.run(), [reconcile, *others]))
    assert sum(len(each.compared) for each in went) == 13
    assert count_lists(simulated) == 13
    checks = reconcile.checks()
    assert len(checks) == len({check["syncId"] for check in checks}) == 13


def test_an_overtaken_run_writes_nothing(reconcile: Reconcile) -> None:
    """The run took so long that another one compared the company meanwhile."""
    reconcile.rounds.discovery.resume(lambda: True)
    (due,) = reconcile.store.load_due(reconcile.clock(), 10)
    slow = reconcile.store.lease(due, reconcile.clock())
    assert slow
    reconcile.clock.pass_by(minutes=6)
    reconcile.run()
    known = reconcile.store.load(COMPANY_ID)
    compared = reconcile.rounds.reconciler.compare(slow, reconcile.clock(), "reconcile-2")
    assert compared.is_superseded
    assert reconcile.store.load(COMPANY_ID) == known


@pytest.mark.parametrize("is_due_soon", [True, False])
def test_a_sync_announced_under_a_wrong_company_is_found_at_once(
    reconcile: Reconcile, simulated: SimulatedCodat, store: SyncRepository, *, is_due_soon: bool
) -> None:
    """Its company is compared within minutes although it is idle, whatever is scheduled for the wrong one."""
    quiet, wrong = simulated.add_company(), simulated.add_company()
    catch_up(reconcile)
    reconcile.clock.pass_by(minutes=10)
    sync_id = add_unannounced_sync(simulated, company_id=quiet.company_id)
    event = simulated.event(simulated.sync(sync_id), company=wrong)
    reconcile.worker(batch(message(event)))
    record = store.load_sync(sync_id)
    assert record
    assert (record.company_id, record.outcome) == (wrong.company_id, Outcome.ANNOUNCED)
    lists = count_lists(simulated)
    reconcile.run()
    assert count_lists(simulated) == lists  # Codat may just be slow: nobody searches yet.
    check = {"v": 1, "kind": "check", "companyId": wrong.company_id, "syncId": sync_id, "partRunId": None}
    reconcile.worker(batch(check | {"version": record.version, "correlationId": "check-1"}))
    if not is_due_soon:
        suspended = {"dueAt": None, "duePk": None}
        store.table.update(sync_key(sync_id), suspended, {})
    reconcile.run()
    assert reconcile.work() == 1
    record = store.load_sync(sync_id)
    assert record
    assert (record.company_id, record.outcome, record.pending_check) == (quiet.company_id, Outcome.SUCCEEDED, None)
    lists = count_lists(simulated)
    reconcile.clock.pass_by(minutes=1)
    reconcile.run()
    assert count_lists(simulated) == lists  # One search is one comparison of each company.


def test_a_stored_sync_with_an_implausible_time_is_corrected(reconcile: Reconcile, store: SyncRepository) -> None:
    """As an earlier version stored it: it is in no list of a recent period until then."""
    catch_up(reconcile)
    record = store.load_sync(SYNC_ID)
    assert record
    year_1 = "0001-01-01T00:00:00.000Z"
    (values,) = store.table.get([sync_key(SYNC_ID)])
    changes = {"syncUtc": year_1, "digest": "of year 1", "summary": values["summary"] | {"syncUtc": year_1}}
    store.table.update(sync_key(SYNC_ID), changes | listing_index_keys(COMPANY_ID, SYNC_ID, year_1), {})
    stored = store.load_sync(SYNC_ID)
    assert stored
    assert stored.outcome is record.outcome
    reconcile.clock.pass_by(hours=7)
    reconcile.run()
    assert reconcile.work() == 1
    corrected = store.load_sync(SYNC_ID)
    assert corrected
    assert corrected.sync
    assert corrected.sync.status.synced_at == datetime.fromisoformat(LONG_AGO)
