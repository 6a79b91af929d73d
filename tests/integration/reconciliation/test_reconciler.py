"""Reconcile: what no webhook has told of is found, enqueued once, and claimed to be there only when it is."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from codat_sync.aws.dynamodb import Table
from codat_sync.aws.table_schema import ENDPOINT, reconciliation_key, sync_key
from codat_sync.polling.schedule import Trouble
from codat_sync.reconciliation.company_state import LEASE, MOST
from codat_sync.reconciliation.comparison import Why
from codat_sync.reconciliation.completeness import CompanyCompleteness
from codat_sync.reconciliation.reconciler import MOST_QUEUED
from codat_sync.reconciliation.run import End
from codat_sync.syncs.repository import Store
from codat_sync.syncs.status_codes import Outcome
from codat_sync.webhooks.endpoint import EndpointState
from dev.codat_simulator.books.models import Item
from dev.codat_simulator.faults import Fault
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID, RECONCILE_ANSWERS, SYNC_ID, load
from tests.support.aws import WEBHOOK_URL, Aws
from tests.support.botocore_calls import intercept_calls
from tests.support.handlers import StartFunction
from tests.support.reconciliation_world import LONG_AGO, Clock, Reconcile, put_together
from tests.support.sqs_batches import batch, failed, message, of

_LIST = "list/status$"
_REMAINING = {"remaining_ms": 290_000}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def reconcile(start: StartFunction, aws: Aws, simulated: SimulatedCodat, clock: Clock) -> Reconcile:
    """Return reconcile, at a Codat that has one company, with one sync from long ago that nobody told of."""
    simulated.now = clock
    simulated.set_webhook_consumer(WEBHOOK_URL)
    simulated.change_sync(SYNC_ID, sync_utc=LONG_AGO)
    return put_together(aws, simulated.transport(), start("worker"), clock)


def _lost(simulated: SimulatedCodat, code: int = 2000, company_id: str = COMPANY_ID) -> str:
    """Let a sync have ended an hour ago, of which no webhook has told; returns its id."""
    ended = (simulated.now() - timedelta(hours=1)).isoformat()
    return simulated.add_sync(simulated.company(company_id), code, [Item("t")], sync_utc=ended).sync_id


def _complete(reconcile: Reconcile, company_id: str = COMPANY_ID) -> CompanyCompleteness:
    found = reconcile.completeness.company(company_id)
    assert found
    return found


def _lists(simulated: SimulatedCodat) -> int:
    return len(simulated.requests.matching(_LIST))


def _caught_up(reconcile: Reconcile) -> None:
    """Bring everything into the table that is at Codat, and have that confirmed."""
    for _ in range(2):
        reconcile.go()
        reconcile.work()
        reconcile.clock.pass_by(hours=7)
    reconcile.go()
    assert reconcile.overall.complete_as_of


# ---------------------------------------------------------------- through the real handlers


def test_a_sync_whose_webhook_was_lost_is_found(
    start: StartFunction, aws: Aws, store: Store, simulated: SimulatedCodat
) -> None:
    """By nothing but Codat's own lists: of companies, and of the company's syncs. The worker writes it."""
    simulated.change_sync(SYNC_ID, sync_utc=LONG_AGO)
    answer = start("reconcile")(dict(_REMAINING))
    assert answer == {"end": "done", "compared": 1, "enqueued": 1, "completeAsOf": None}
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


# ---------------------------------------------------------------- complete as of


def test_complete_is_what_the_next_comparison_finds_there(reconcile: Reconcile, simulated: SimulatedCodat) -> None:
    """Not what was enqueued."""
    _lost(simulated)
    reconcile.go()
    assert (_complete(reconcile).complete_as_of, _complete(reconcile).reasons) == (None, {"missing": 2})
    assert reconcile.overall.complete_as_of is None
    reconcile.clock.pass_by(minutes=6)
    reconcile.go()
    assert _complete(reconcile).complete_as_of is None
    assert reconcile.work() == 2
    reconcile.clock.pass_by(minutes=11)
    before = reconcile.clock()
    reconcile.go()
    found = _complete(reconcile)
    assert found.complete_as_of
    assert found.complete_as_of >= before - timedelta(milliseconds=1)
    assert (found.reasons, reconcile.overall.never, reconcile.checks()) == ({}, 0, [])


def test_a_company_that_never_rests_is_complete_as_of_the_comparison_before(
    reconcile: Reconcile, simulated: SimulatedCodat
) -> None:
    """Though something is missing at each of them: it was not there at the one before."""
    _caught_up(reconcile)
    for _ in range(3):
        compared_at = _complete(reconcile).compared_at
        _lost(simulated)
        reconcile.clock.pass_by(hours=7)
        reconcile.go()
        assert _complete(reconcile).complete_as_of == compared_at
        assert _complete(reconcile).reasons == {"missing": 1}
        reconcile.work()


def test_what_does_not_come_holds_the_moment_where_it_was(reconcile: Reconcile, simulated: SimulatedCodat) -> None:
    """However much else comes; and it is enqueued again after an hour, not sooner."""
    _caught_up(reconcile)
    compared_at = _complete(reconcile).compared_at
    lost = _lost(simulated)
    reconcile.clock.pass_by(hours=7)
    reconcile.go()
    (check,) = reconcile.checks()
    assert (check["syncId"], check["version"]) == (lost, 0)
    _lost(simulated)
    enqueued = []
    for _ in range(16):
        reconcile.clock.pass_by(minutes=5)
        reconcile.go()
        enqueued += [check["syncId"] for check in reconcile.checks()]
        assert _complete(reconcile).complete_as_of == compared_at
    assert enqueued.count(lost) == 1


def test_nothing_is_claimed_of_all_while_one_company_is_not_known(
    reconcile: Reconcile, simulated: SimulatedCodat
) -> None:
    """The least of all counts, and of when Codat was asked which companies it has."""
    _caught_up(reconcile)
    first = reconcile.overall.complete_as_of
    other = simulated.add_company().company_id
    _lost(simulated, company_id=other)
    reconcile.clock.pass_by(hours=7)
    reconcile.go()
    assert reconcile.completeness.company(other)
    # Codat did not have it when the list was read last: what is claimed is for that moment.
    assert reconcile.overall.complete_as_of
    directory = reconcile.rounds.discovering.rounds.load_directory()
    assert directory.listed_as_of
    reconcile.clock.pass_by(minutes=6)
    reconcile.go()
    assert reconcile.overall.complete_as_of is None
    reconcile.work()
    reconcile.clock.pass_by(minutes=11)
    reconcile.go()
    assert reconcile.overall.complete_as_of
    assert first
    assert first < reconcile.overall.complete_as_of <= directory.listed_as_of


# ---------------------------------------------------------------- what is found


def test_a_document_that_is_not_as_codat_lists_it_is_stale(
    reconcile: Reconcile, store: Store, simulated: SimulatedCodat
) -> None:
    """The worker asks anew."""
    _caught_up(reconcile)
    simulated.change_sync(SYNC_ID, code=2000, items=(Item("t"),))
    reconcile.clock.pass_by(hours=7)
    reconcile.go()
    assert _complete(reconcile).reasons == {"stale": 1}
    (check,) = reconcile.checks()
    assert (check["syncId"], check["version"]) == (SYNC_ID, 1)
    assert failed(reconcile.worker(batch(check))) == []
    document = store.load_sync(SYNC_ID)
    assert document
    assert document.outcome is Outcome.SUCCEEDED


def test_a_list_that_is_wrong_costs_one_call(
    aws: Aws, start: StartFunction, reconcile: Reconcile, simulated: SimulatedCodat
) -> None:
    """If Codat says of the sync itself what the table has, nothing is stale; and it is not asked that again."""
    _caught_up(reconcile)

    def with_another_time(request: httpx.Request) -> httpx.Response:
        answer = simulated.handle(request)
        if not request.url.path.endswith("list/status"):
            return answer
        said = [status | {"syncUtc": "2026-01-05"} for status in answer.json()]
        return httpx.Response(200, json=said, headers={"X-Rate-Limit-Limit": "2000", "X-Rate-Limit-Remaining": "1500"})

    other = put_together(aws, httpx.MockTransport(with_another_time), start("worker"), reconcile.clock)
    simulated.requests.clear()
    for _ in range(2):
        other.clock.pass_by(hours=7)
        at = other.clock()
        other.go()
        found = _complete(other)
        assert found.complete_as_of
        assert found.complete_as_of >= at - timedelta(milliseconds=1)
        assert (found.reasons, other.checks()) == ({}, [])
    assert len(simulated.requests.matching(f"{SYNC_ID}/status$")) == 1


def test_what_nobody_looks_at_though_it_is_due_is_stuck(
    reconcile: Reconcile, store: Store, simulated: SimulatedCodat
) -> None:
    """Here the clock stands still."""
    simulated.change_sync(SYNC_ID, code=1000)
    reconcile.go()
    reconcile.work()
    reconcile.clock.pass_by(minutes=6)
    reconcile.go()
    assert _complete(reconcile).reasons == {}  # It is in progress, and is looked at by itself.
    simulated.change_sync(SYNC_ID, code=2000, items=(Item("t"),))
    reconcile.clock.pass_by(hours=1)
    reconcile.go()
    assert _complete(reconcile).reasons == {"stuck": 1}
    assert reconcile.work() == 1
    document = store.load_sync(SYNC_ID)
    assert document
    assert document.outcome is Outcome.SUCCEEDED


def test_a_sync_whose_webhook_may_be_on_its_way_is_waited_for(reconcile: Reconcile, simulated: SimulatedCodat) -> None:
    """Codat tries again after five minutes: nothing is fetched twice for that, and nobody is alarmed."""
    _caught_up(reconcile)
    sync = simulated.add_sync(simulated.company(COMPANY_ID), 2000, [Item("t")])
    complete_as_of = _complete(reconcile).complete_as_of
    reconcile.clock.pass_by(minutes=1)
    simulated.change_sync(sync.sync_id, sync_utc=reconcile.clock().isoformat())
    reconcile.clock.pass_by(hours=7)
    simulated.change_sync(sync.sync_id, sync_utc=reconcile.clock().isoformat())
    reconcile.go()
    assert _complete(reconcile).reasons == {"expected": 1}
    assert complete_as_of
    assert reconcile.checks() == []
    reconcile.worker(batch(of(simulated, simulated.sync(sync.sync_id))))
    reconcile.clock.pass_by(minutes=6)
    reconcile.go()
    assert (_complete(reconcile).reasons, _complete(reconcile).missing) == ({}, 0)


def test_only_what_ended_since_we_listen_counts_as_unannounced(reconcile: Reconcile, simulated: SimulatedCodat) -> None:
    """History is filled in, and what goes on has no webhook yet."""
    _caught_up(reconcile)
    assert _complete(reconcile).missing == 0
    _lost(simulated, 2000)
    _lost(simulated, 1000)
    reconcile.clock.pass_by(hours=7)
    reconcile.go()
    assert (_complete(reconcile).missing, _complete(reconcile).reasons) == (1, {"missing": 2})
    assert [each.lost for each in reconcile.told if each.lost] != []


def test_an_answer_that_waits_for_its_dead_letter_holds_the_moment(
    reconcile: Reconcile, aws: Aws, simulated: SimulatedCodat
) -> None:
    """It is not asked about again and again, and the reason is told; after redriving it is complete."""
    simulated.faults.add(Fault("malformed", times=3, path=f"{SYNC_ID}/transactions"))
    reconcile.go()
    assert reconcile.work() == 1
    (dead,) = aws.messages("SYNC_DEAD_LETTER_QUEUE")
    for _ in range(3):
        reconcile.clock.pass_by(hours=7)
        reconcile.go()
        assert (_complete(reconcile).reasons, reconcile.checks()) == ({"setAside": 1}, [])
    assert _complete(reconcile).complete_as_of is None
    assert failed(reconcile.worker(batch(dead["Body"]))) == []
    reconcile.clock.pass_by(hours=7)
    reconcile.go()
    assert _complete(reconcile).complete_as_of


def test_what_was_set_aside_is_not_forgotten_when_its_dead_letter_is_gone(
    reconcile: Reconcile, aws: Aws, simulated: SimulatedCodat
) -> None:
    """Dropped, or kept for its two weeks: Codat is asked again, and may say something else by then."""
    simulated.faults.add(Fault("malformed", times=3, path=f"{SYNC_ID}/transactions"))
    reconcile.go()
    reconcile.work()
    assert aws.messages("SYNC_DEAD_LETTER_QUEUE")
    for _ in range(2):
        reconcile.clock.pass_by(days=6)
        reconcile.go()
        assert (reconcile.work(), _complete(reconcile).reasons) == (0, {"setAside": 1})
    reconcile.clock.pass_by(days=3)
    reconcile.go()
    assert reconcile.work() == 1
    reconcile.clock.pass_by(hours=7)
    reconcile.go()
    assert _complete(reconcile).complete_as_of


# ---------------------------------------------------------------- at the same time


def test_a_webhook_that_comes_with_the_check_has_the_sync_fetched_once(
    reconcile: Reconcile, store: Store, simulated: SimulatedCodat
) -> None:
    """In one batch, and one after the other: the check names the version that it found."""
    reconcile.go()
    (check,) = reconcile.checks()
    simulated.requests.clear()
    event = of(simulated, simulated.sync(SYNC_ID))
    assert failed(reconcile.worker(batch(check, event))) == []
    assert failed(reconcile.worker(batch(check, event))) == []
    assert len(simulated.requests.matching("/syncs/")) == 2
    document = store.load_sync(SYNC_ID)
    assert document
    assert document.version == 1


def test_a_check_after_the_webhook_asks_nothing(reconcile: Reconcile, simulated: SimulatedCodat) -> None:
    """Version 0 is gone."""
    reconcile.go()
    (check,) = reconcile.checks()
    assert failed(reconcile.worker(batch(of(simulated, simulated.sync(SYNC_ID))))) == []
    simulated.requests.clear()
    assert failed(reconcile.worker(batch(check, check))) == []
    assert simulated.requests.entries == ()


def test_a_check_that_codat_fails_for_waits_in_the_table(
    reconcile: Reconcile, store: Store, simulated: SimulatedCodat
) -> None:
    """As any other does: the sync is announced, and looked at again."""
    reconcile.go()
    (check,) = reconcile.checks()
    simulated.faults.add(Fault("status", status=503, times=3, sync_id=SYNC_ID))
    assert failed(reconcile.worker(batch(check))) == []
    document = store.load_sync(SYNC_ID)
    assert document
    assert document.waiting
    assert (document.outcome, document.waiting.trouble) == (Outcome.ANNOUNCED, Trouble.UNAVAILABLE)
    assert document.waiting.correlation_id == "reconcile-1"


def test_two_rounds_at_once_compare_each_company_once(
    reconcile: Reconcile, aws: Aws, start: StartFunction, simulated: SimulatedCodat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And enqueue each sync once."""
    # To look at a condition and to write are one thing to DynamoDB, and two to moto: threads get in between.
    lock = threading.Lock()

    def one_at_a_time(_operation: str, _parameters: object, proceed: Callable[[], object]) -> object:
        with lock:
            return proceed()

    intercept_calls(monkeypatch, one_at_a_time)
    for number in range(12):
        simulated.add_company(company_id=f"company-{number}")
        _lost(simulated, company_id=f"company-{number}")
    reconcile.rounds.discovering.go_on(lambda: True)
    others = [put_together(aws, simulated.transport(), start("worker"), reconcile.clock) for _ in range(3)]
    with ThreadPoolExecutor(4) as pool:
        went = list(pool.map(lambda each: each.go(), [reconcile, *others]))
    assert sum(len(each.compared) for each in went) == 13
    assert _lists(simulated) == 13
    checks = reconcile.checks()
    assert len(checks) == len({check["syncId"] for check in checks}) == 13


def test_who_was_outrun_writes_nothing(reconcile: Reconcile) -> None:
    """A round that took so long that another one has compared the company meanwhile."""
    reconcile.rounds.discovering.go_on(lambda: True)
    (due,) = reconcile.store.load_due(reconcile.clock(), 10)
    slow = reconcile.store.lease(due, reconcile.clock())
    assert slow
    reconcile.clock.pass_by(minutes=6)
    reconcile.go()
    known = reconcile.store.load(COMPANY_ID)
    compared = reconcile.rounds.reconciling.compare(slow, reconcile.clock(), "reconcile-2")
    assert compared.is_outrun
    assert reconcile.store.load(COMPANY_ID) == known


# ---------------------------------------------------------------- bounds


def test_no_more_than_a_share_of_the_quota_is_used(
    reconcile: Reconcile, aws: Aws, start: StartFunction, simulated: SimulatedCodat
) -> None:
    """The calls that the worker makes for what was enqueued included. The rest goes on the next day."""
    reconcile.clock.passed += timedelta(days=1) - _since_midnight(reconcile)  # at midnight, a 24th is released
    for _ in range(100):
        _lost(simulated)
    sparing = put_together(aws, simulated.transport(), start("worker"), reconcile.clock, percent=5)
    simulated.requests.clear()
    limit = 2000 * 5 // 100
    for _ in range(24):
        sparing.go()
        sparing.work()
        sparing.clock.pass_by(minutes=59, seconds=50)
        calls = [call for call in simulated.requests.entries if call.company_id is None or "/syncs/" in call.path]
        assert len(calls) <= limit
    assert len(calls) > limit / 2
    left = 101 - len(sparing.store.load_glimpses(COMPANY_ID))
    assert left
    assert _complete(sparing).complete_as_of is None
    sparing.clock.pass_by(hours=12)
    sparing.go()
    assert sparing.work()


def _since_midnight(reconcile: Reconcile) -> timedelta:
    now = reconcile.clock()
    return timedelta(hours=now.hour, minutes=now.minute, seconds=now.second - 1)


def test_while_little_is_left_of_the_day_it_is_left_to_others(reconcile: Reconcile, simulated: SimulatedCodat) -> None:
    """A webhook's sync can't wait until tomorrow, a comparison can."""
    reconcile.clock.passed += timedelta(hours=36) - _since_midnight(reconcile)  # at noon, so that it is not tomorrow
    reconcile.go()
    simulated.quota.leave(150)
    reconcile.rounds.reconciling.codat.has_company(COMPANY_ID)  # tells how much is left
    reconcile.clock.pass_by(minutes=6)
    asked = len(simulated.requests.entries)
    assert reconcile.go().end is End.SHARE
    assert len(simulated.requests.entries) == asked


def test_thousands_of_syncs_are_filled_in_a_bounded_number_at_a_time(
    reconcile: Reconcile, simulated: SimulatedCodat
) -> None:
    """The youngest first; nothing is claimed before the last one is there."""
    company = simulated.company(COMPANY_ID)
    for number in range(2_000):
        simulated.add_sync(company, 2040, sync_id=f"old-{number}", sync_utc=LONG_AGO)
    young = [_lost(simulated) for _ in range(MOST - 1)]
    reconcile.go()
    checks = reconcile.checks()
    assert len(checks) == MOST
    assert {check["syncId"] for check in checks} >= set(young)
    found = _complete(reconcile)
    assert (found.listed, sum(found.reasons.values()), found.reasons["leftOut"]) == (2_000 + MOST, 2_000 + MOST, 2_000)
    assert found.complete_as_of is None
    assert _lists(simulated) == 1
    # Those are known to be on their way: the next comparison goes on with others.
    reconcile.clock.pass_by(minutes=6)
    reconcile.go()
    assert {check["syncId"] for check in reconcile.checks()}.isdisjoint(check["syncId"] for check in checks)


def test_a_queue_that_is_full_is_not_filled_further(reconcile: Reconcile, aws: Aws) -> None:
    """The worker has enough to do; what is missing is enqueued when there is room."""
    url = aws.environment["SYNC_QUEUE_URL"]
    for start in range(0, MOST_QUEUED, 10):
        entries = [{"Id": str(number), "MessageBody": "full"} for number in range(start, start + 10)]
        aws.sqs.send_message_batch(QueueUrl=url, Entries=entries)  # type: ignore[arg-type]
    reconcile.go()
    assert reconcile.rounds.reconciling.queue.depth() == MOST_QUEUED
    aws.sqs.purge_queue(QueueUrl=url)
    reconcile.clock.pass_by(minutes=6)
    reconcile.go()
    assert [check["syncId"] for check in reconcile.checks()] == [SYNC_ID]


def test_many_companies_are_gone_on_with_where_a_round_stopped(reconcile: Reconcile, simulated: SimulatedCodat) -> None:
    """Hundreds of them, which take six pages of Codat's list: no page and no company twice."""
    for number in range(550):
        simulated.add_company(company_id=f"company-{number}")
    pages = iter([True] * 3)
    reconcile.go(lambda: next(pages, False))
    directory = reconcile.rounds.discovering.rounds.load_directory()
    assert (directory.page, directory.pages, directory.listed_as_of) == (4, 6, None)
    assert 0 < directory.progress < 1
    assert reconcile.overall.complete_as_of is None
    turns = iter([True] * 24)
    went = reconcile.go(lambda: next(turns, False))
    assert went.end is End.TIME
    asked = [call.query.split("page=")[1].split("&")[0] for call in simulated.requests.matching("^/companies$")]
    assert asked == ["1", *map(str, range(6, 0, -1))]
    assert len(went.compared) == 20
    turns = iter([True] * 20)
    assert len(reconcile.go(lambda: next(turns, False)).compared) == 20
    asked_about = [call.company_id for call in simulated.requests.matching(_LIST)]
    assert len(asked_about) == len(set(asked_about)) == 40


def test_a_company_that_is_deleted_while_the_list_is_read_hides_no_other(
    reconcile: Reconcile, simulated: SimulatedCodat
) -> None:
    """Those after it move up by one: to a page that is still to be read."""
    for number in range(250):
        simulated.add_company(company_id=f"company-{number}")
    turns = iter([True] * 2)
    reconcile.rounds.discovering.go_on(lambda: next(turns, False))
    for number in range(10):
        simulated.delete_company(f"company-{number}")
    reconcile.rounds.discovering.go_on(lambda: True)
    assert all(reconcile.completeness.company(f"company-{number}") for number in range(10, 250))


# ---------------------------------------------------------------- companies that are not there


def test_a_company_that_is_deleted_at_codat_is_left_alone_in_the_end(
    reconcile: Reconcile, aws: Aws, simulated: SimulatedCodat
) -> None:
    """The worker finds out, and waits for an hour before it believes it; until then nothing is claimed of it."""
    _caught_up(reconcile)
    before = _complete(reconcile).complete_as_of
    simulated.delete_company(COMPANY_ID)
    reconcile.clock.pass_by(hours=7)
    reconcile.go()
    assert (_complete(reconcile).problem, _complete(reconcile).complete_as_of) == (
        "Codat does not know the company",
        before,
    )
    (check,) = reconcile.checks()
    assert (check["syncId"], check["companyId"]) == (None, COMPANY_ID)
    key = {"pk": {"S": f"COMPANY#{COMPANY_ID}"}, "sk": {"S": "COMPANY"}}
    aws.dynamodb.update_item(
        TableName="syncs",
        Key=key,
        UpdateExpression="SET isDeleted = :yes",
        ExpressionAttributeValues={":yes": {"BOOL": True}},
    )
    reconcile.clock.pass_by(hours=2)
    reconcile.go()
    assert reconcile.overall.companies == 0
    reconcile.clock.pass_by(hours=2)
    assert reconcile.go().compared == []


def test_the_check_of_a_company_has_the_worker_ask(reconcile: Reconcile, simulated: SimulatedCodat) -> None:
    """Whether its record is there already, or is made by that."""
    simulated.delete_company(COMPANY_ID)
    reconcile.store.make_due([COMPANY_ID], reconcile.clock())
    reconcile.go()
    (check,) = reconcile.checks()
    simulated.requests.clear()
    assert failed(reconcile.worker(batch(check))) == []
    assert len(simulated.requests.matching(f"^/companies/{COMPANY_ID}$")) == 1


def test_a_company_without_syncs_is_complete(reconcile: Reconcile, simulated: SimulatedCodat) -> None:
    """If Codat knows it, and answers 404 where its syncs would be."""
    simulated.faults.add(Fault("status", status=404, times=1, path=_LIST))
    reconcile.go()
    assert (_complete(reconcile).listed, _complete(reconcile).problem) == (0, None)
    assert _complete(reconcile).complete_as_of


# ---------------------------------------------------------------- Codat's bad days


@pytest.mark.parametrize("status", [402, 403])
def test_companies_that_are_refused_close_the_gate_for_nobody(
    reconcile: Reconcile, simulated: SimulatedCodat, status: int
) -> None:
    """However many they are: they are passed over, and tried again ever more seldom."""
    other = simulated.add_company().company_id
    refused = [COMPANY_ID, *(simulated.add_company().company_id for _ in range(5))]
    for company_id in refused:
        simulated.faults.add(Fault("status", status=status, times=99, path=_LIST, company_id=company_id))
    assert reconcile.go().end is End.DONE
    assert _complete(reconcile).problem == "Codat refuses it"
    assert _complete(reconcile, other).complete_as_of
    for _ in range(24 * 2):
        reconcile.clock.pass_by(minutes=30)
        assert reconcile.go().end is End.DONE
    asked = [call.company_id for call in simulated.requests.matching(_LIST)]
    assert 4 <= asked.count(COMPANY_ID) <= 8


@pytest.mark.parametrize("path", ["^/webhooks$", "^/companies$"])
@pytest.mark.parametrize("fault", [Fault("status", status=403), Fault("status", status=500), Fault("malformed")])
def test_what_is_about_no_company_and_fails_keeps_nobody_waiting(
    reconcile: Reconcile, simulated: SimulatedCodat, path: str, fault: Fault
) -> None:
    """It is asked once an hour, and the gate stays open."""
    reconcile.store.make_due([COMPANY_ID], reconcile.clock())
    simulated.faults.add(replace(fault, times=99, path=path))
    for _ in range(12):
        assert reconcile.go().end is End.DONE
        reconcile.work()
        reconcile.clock.pass_by(minutes=5)
    tries = len(simulated.requests.matching(path))
    assert tries == (1 if fault.status == 403 else 3)
    reconcile.clock.pass_by(minutes=1)
    reconcile.go()
    assert len(simulated.requests.matching(path)) == 2 * tries
    assert _complete(reconcile).complete_as_of


def test_an_endpoint_that_stays_as_it_was_is_so_since_then(reconcile: Reconcile, simulated: SimulatedCodat) -> None:
    """And from anew when that changes; what is not known for a while changes nothing that is wrong."""
    store = reconcile.rounds.watching.rounds

    def look() -> tuple[str | None, bool]:
        reconcile.clock.pass_by(hours=1, minutes=1)
        reconcile.rounds.go(lambda: False, "reconcile-1")
        found = store.load_endpoint()
        assert found.since
        return found.state, found.since == found.checked_at

    assert look() == ("well", True)
    assert look() == ("well", False)
    simulated.set_webhook_consumer(WEBHOOK_URL, disabled=True)
    assert look() == ("disabled", True)
    simulated.faults.add(Fault("status", status=404, times=1, path="^/webhooks$"))
    assert look() == ("disabled", True)
    assert look() == ("disabled", False)


def test_a_company_that_codat_fails_for_is_tried_ever_more_seldom(
    reconcile: Reconcile, simulated: SimulatedCodat
) -> None:
    """Its problem is told, and it takes little from the others."""
    other = simulated.add_company().company_id
    simulated.faults.add(Fault("status", status=500, times=999, path=_LIST, company_id=COMPANY_ID))
    for _ in range(36):
        reconcile.go()
        reconcile.clock.pass_by(minutes=5, seconds=1)
    assert _complete(reconcile).problem == "Codat does not answer"
    assert _complete(reconcile, other).complete_as_of
    assert len([call for call in simulated.requests.matching(_LIST) if call.company_id == COMPANY_ID]) <= 3 * 7


def test_a_company_that_cant_be_read_keeps_no_other_waiting(reconcile: Reconcile, aws: Aws) -> None:
    """A fault of ours is one of the round's, when all else is done; and it is told of the company."""
    reconcile.rounds.discovering.go_on(lambda: True)
    reconcile.store.make_due(["company-2"], reconcile.clock() + timedelta(seconds=1))
    key = {"pk": "SYNC#broken", "sk": "SYNC"}
    broken = {"companyPk": f"COMPANY#{COMPANY_ID}", "companySk": "2026-01-01", "summary": {}}
    Table(aws.dynamodb, "syncs").update(key, broken, {})
    reconcile.clock.pass_by(seconds=2)
    went = reconcile.go()
    assert isinstance(went.fault, KeyError)
    assert _complete(reconcile).problem == "It can't be compared, by a fault of ours: the log tells"
    assert _complete(reconcile, "company-2").next_at
    assert (reconcile.overall.companies, reconcile.overall.problems) == (2, 2)


def test_an_answer_that_cant_be_understood_is_told_and_tried_later(
    reconcile: Reconcile, simulated: SimulatedCodat
) -> None:
    """It is of one company: the round goes on."""
    simulated.add_company()
    simulated.faults.add(Fault("malformed", times=3, path=_LIST, company_id=COMPANY_ID))
    went = reconcile.go()
    assert (went.end, len(went.compared)) == (End.DONE, 1)
    assert _complete(reconcile).problem == "Codat's answer can't be understood"
    assert _complete(reconcile).complete_as_of is None


def test_while_codat_fails_a_round_gives_up(reconcile: Reconcile, simulated: SimulatedCodat) -> None:
    """And the companies are due again after the lease."""
    for _ in range(6):
        simulated.add_company()
    reconcile.rounds.discovering.go_on(lambda: True)
    simulated.faults.add(Fault("status", status=503, times=1000, path=_LIST))
    went = reconcile.go()
    assert (went.end, went.compared) == (End.CODAT, [])
    assert _lists(simulated) == 9
    simulated.faults.clear()
    reconcile.clock.pass_by(seconds=LEASE.total_seconds() + 1)
    assert len(reconcile.go().compared) == 7


def test_while_the_gate_is_closed_nothing_is_asked(reconcile: Reconcile, simulated: SimulatedCodat) -> None:
    """Nor put off."""
    simulated.quota.leave(0)
    reconcile.go()
    asked = len(simulated.requests.entries)
    assert reconcile.go().end is End.GATE
    assert len(simulated.requests.entries) == asked


def test_a_key_that_is_refused_puts_nothing_off(reconcile: Reconcile, simulated: SimulatedCodat) -> None:
    """Whoever asks first: what is due is so when the gate opens."""
    reconcile.store.make_due([COMPANY_ID], reconcile.clock())
    due = reconcile.store.load_due(reconcile.clock(), 10)
    for path in ("^/webhooks$", "^/companies$"):
        simulated.faults.add(Fault("status", status=401, times=1, path=path))
        assert reconcile.go().end is End.GATE
        assert reconcile.store.load_due(reconcile.clock(), 10) == due
        reconcile.clock.pass_by(minutes=16)
    simulated.faults.add(Fault("status", status=401, times=1, path=_LIST))
    assert reconcile.go().end is End.GATE
    assert _complete(reconcile).problem is None  # It is not this company's.


def test_words_of_a_later_version_keep_nobody_from_comparing(
    reconcile: Reconcile, aws: Aws, simulated: SimulatedCodat
) -> None:
    """It was deployed, and taken back: what it called by new names is looked at more closely, or not claimed."""
    _caught_up(reconcile)
    table = Table(aws.dynamodb, "syncs")
    document = next(iter(table.get([sync_key(SYNC_ID)])))
    table.update(sync_key(SYNC_ID), {"summary": document["summary"] | {"outcome": "later"}}, {})
    table.update(reconciliation_key(COMPANY_ID), {"unresolved": {SYNC_ID: ["later", None, None]}}, {})
    table.update(ENDPOINT, {"state": "later"}, {})
    reconcile.clock.pass_by(hours=7)
    simulated.set_webhook_consumer(WEBHOOK_URL)
    went = reconcile.go()
    assert (went.end, went.fault, went.endpoint) == (End.DONE, None, EndpointState.WELL)
    assert (_complete(reconcile).reasons, _complete(reconcile).compared_at) == ({}, _complete(reconcile).complete_as_of)


# ---------------------------------------------------------------- who is compared


def test_where_something_goes_on_comes_first(reconcile: Reconcile, simulated: SimulatedCodat) -> None:
    """Though the quiet ones have waited for longer: of four, three are such as have never been compared."""
    for number in range(8):
        simulated.add_company(company_id=f"quiet-{number}")
    _caught_up(reconcile)
    reconcile.clock.pass_by(hours=7)
    for number in range(8):
        reconcile.store.make_due([simulated.add_company(company_id=f"new-{number}").company_id], reconcile.clock())
    simulated.requests.clear()
    turns = iter([False] + [True] * 4)  # The list of companies can wait.
    reconcile.go(lambda: next(turns, False))
    asked = [str(call.company_id) for call in simulated.requests.matching(_LIST)]
    assert [company_id.startswith("new") for company_id in asked] == [True, True, True, False]


def test_a_company_that_an_event_makes_known_is_due(reconcile: Reconcile, aws: Aws, simulated: SimulatedCodat) -> None:
    """Also if its record is from before there was reconcile."""
    reconcile.worker(batch(of(simulated, simulated.sync(SYNC_ID), "msg_1")))
    assert [due.company_id for due in reconcile.store.load_due(reconcile.clock(), 10)] == [COMPANY_ID]
    key = {"pk": {"S": f"COMPANY#{COMPANY_ID}"}, "sk": {"S": "RECONCILIATION"}}
    aws.dynamodb.delete_item(TableName="syncs", Key=key)
    company = simulated.company(COMPANY_ID)
    reconcile.worker(batch(message(simulated.event(company=company, event_type="connection.connected"), "msg_2")))
    assert [due.company_id for due in reconcile.store.load_due(reconcile.clock(), 10)] == [COMPANY_ID]


def test_events_do_not_put_a_comparison_off_or_forward(reconcile: Reconcile, simulated: SimulatedCodat) -> None:
    """The worker makes the item, and does not touch it again."""
    _caught_up(reconcile)
    known, due_at = reconcile.store.load(COMPANY_ID), _complete(reconcile).next_at
    company = simulated.company(COMPANY_ID)
    reconcile.worker(batch(message(simulated.event(company=company, event_type="connection.connected"), "msg_2")))
    assert (reconcile.store.load(COMPANY_ID), _complete(reconcile).next_at) == (known, due_at)


def test_a_quiet_company_is_compared_more_seldom_than_a_busy_one(
    reconcile: Reconcile, simulated: SimulatedCodat
) -> None:
    """Of a day's comparisons the quiet one gets a few."""
    busy = simulated.add_company().company_id
    _caught_up(reconcile)
    simulated.requests.clear()
    for _ in range(24 * 2):
        reconcile.clock.pass_by(minutes=30)
        if not simulated.syncs_of(busy):
            simulated.add_sync(simulated.company(busy), 2000, sync_utc=reconcile.clock().isoformat())
        reconcile.go()
        reconcile.work()
    asked = [call.company_id for call in simulated.requests.matching(_LIST)]
    assert asked.count(COMPANY_ID) <= 5
    assert asked.count(busy) >= 20


def test_a_submission_that_was_never_heard_of_is_asked_about_each_day(reconcile: Reconcile, aws: Aws) -> None:
    """Codat does not list it: nothing that Codat has is missing, and yet it is not forgotten."""
    _caught_up(reconcile)
    key = {"pk": {"S": f"SYNC#{SYNC_ID}"}, "sk": {"S": "SYNC"}}
    document = aws.dynamodb.get_item(TableName="syncs", Key=key)["Item"]
    seen_at = (reconcile.clock() - timedelta(hours=2)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    sync_id = "never-heard-of"
    submitted = {name: document[name] for name in ("sk", "v", "companyId", "companyPk", "companySk")} | {
        "pk": {"S": f"SYNC#{sync_id}"},
        "syncId": {"S": sync_id},
        "version": {"N": "3"},
        "firstSeenAt": {"S": seen_at},
        "companySk": {"S": f"{seen_at}#{sync_id}"},
        "summary": {"M": {"syncId": {"S": sync_id}, "outcome": {"S": "submitted"}, "trouble": {"S": "notFound"}}},
    }
    aws.dynamodb.put_item(TableName="syncs", Item=submitted)
    enqueued = []
    for _ in range(16):
        reconcile.clock.pass_by(hours=6, minutes=1)
        reconcile.go()
        enqueued += reconcile.checks()
    assert 3 <= len(enqueued) <= 4
    assert {(check["syncId"], check["version"]) for check in enqueued} == {(sync_id, 3)}
    found = _complete(reconcile)
    assert found.reasons == {Why.UNHEARD: 1}
    assert found.complete_as_of == found.compared_at
