"""What Codat has no final answer for waits in the table, and comes back: by the clock, or by an event."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from codat_sync.codat.client import Codat
from codat_sync.codat.http import CodatConnection
from codat_sync.core.errors import CodatUnavailableError, PoisonError, QueueUnavailableError, UnprocessedError
from codat_sync.ingestion.results import Change, Ingested
from codat_sync.ingestion.sync_ingestion import MOST_RECEIVES, Ingestion
from codat_sync.ingestion.tasks import SyncNews
from codat_sync.messaging.queues import RetryQueue, SyncQueue
from codat_sync.polling.dispatcher import Queues, tick
from codat_sync.polling.due_items import LEASE, DueItem, DueItems
from codat_sync.polling.schedule import Report, Schedule, Trouble, Waiting
from codat_sync.rate_limits.gate import SharedGate
from codat_sync.rate_limits.process_limiter import Pace
from codat_sync.syncs.repository import Store
from codat_sync.syncs.status_codes import Outcome
from codat_sync.webhooks.events import WebhookEvent
from dev.codat_simulator.books.models import Item
from dev.codat_simulator.faults import Fault
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import CLOCK_ANSWERS, COMPANY_ID, SYNC_ID, load
from tests.support.aws import API_KEY, Aws
from tests.support.handlers import StartFunction
from tests.support.sqs_batches import batch, failed, message, of

_HOUR = timedelta(hours=1)
_REACHED, _RESET = "client.rateLimit.reached", "client.rateLimit.reset"


def _checks(aws: Aws) -> list[Any]:
    """Take what the clock has put on the queue."""
    return [json.loads(sent["Body"]) for sent in aws.messages("SYNC_QUEUE")]


def _asked(simulated: SimulatedCodat) -> int:
    return len([entry for entry in simulated.requests.entries if "/syncs/" in entry.path])


def _waiting(store: Store, sync_id: str = SYNC_ID) -> Waiting:
    document = store.load_sync(sync_id)
    assert document
    assert document.waiting
    return document.waiting


@pytest.fixture
def soon(aws: Aws) -> None:
    """Have everything due at once."""
    aws.environment["FIRST_LOOK_SECONDS"] = "0"


# ---------------------------------------------------------------- in progress, through the real handlers


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("items", [(), (Item("t", "Pending"),)])
def test_a_sync_in_progress_is_looked_at_until_it_ends(
    start: StartFunction, aws: Aws, store: Store, simulated: SimulatedCodat, items: tuple[Item, ...]
) -> None:
    """Though no webhook tells of its end; a final code with an item that is pending is not the end."""
    simulated.change_sync(SYNC_ID, code=2000 if items else 1000, items=items)
    worker, clock = start("worker"), start("clock")
    worker(batch(of(simulated, simulated.sync(SYNC_ID))))
    for looks in range(3):
        assert _waiting(store).looks == looks
        assert clock({})["enqueued"] == 1
        assert failed(worker(batch(*_checks(aws)))) == []
    simulated.change_sync(SYNC_ID, code=2000, items=(Item("t"),))
    clock({})
    worker(batch(*_checks(aws)))
    document = store.load_sync(SYNC_ID)
    assert document
    assert (document.outcome, document.waiting) == (Outcome.SUCCEEDED, None)
    assert clock({})["enqueued"] == 0


@pytest.mark.usefixtures("soon")
def test_a_webhook_ends_the_waiting_and_a_check_on_its_way_asks_nothing(
    start: StartFunction, aws: Aws, store: Store, simulated: SimulatedCodat
) -> None:
    """The document has moved on since it was seen to be due."""
    simulated.change_sync(SYNC_ID, code=1000)
    worker, clock = start("worker"), start("clock")
    worker(batch(of(simulated, simulated.sync(SYNC_ID), "msg_1")))
    clock({})
    (check,) = _checks(aws)
    worker(batch(of(simulated, simulated.change_sync(SYNC_ID, code=2000, items=(Item("t"),)), "msg_2")))
    asked = _asked(simulated)
    assert failed(worker(batch(check, check))) == []
    assert _asked(simulated) == asked
    document = store.load_sync(SYNC_ID)
    assert document
    assert (document.version, document.waiting) == (2, None)


@pytest.mark.usefixtures("soon")
def test_a_check_that_comes_twice_is_made_once(start: StartFunction, aws: Aws, simulated: SimulatedCodat) -> None:
    """The queue may hand it out again."""
    simulated.change_sync(SYNC_ID, code=1000)
    worker, clock = start("worker"), start("clock")
    worker(batch(of(simulated, simulated.sync(SYNC_ID))))
    clock({})
    (check,) = _checks(aws)
    for _ in range(3):
        worker(batch(check))
    assert _asked(simulated) == 4


def test_an_event_that_tells_nothing_new_does_not_put_the_next_look_off(
    start: StartFunction, store: Store, simulated: SimulatedCodat
) -> None:
    """Nor does it write anything but that it was seen."""
    simulated.change_sync(SYNC_ID, code=1000)
    worker = start("worker")
    worker(batch(of(simulated, simulated.sync(SYNC_ID), "msg_1")))
    before = store.load_sync(SYNC_ID)
    worker(batch(of(simulated, simulated.sync(SYNC_ID), "msg_2")))
    assert store.load_sync(SYNC_ID) == before
    assert store.load_seen_events(SYNC_ID) == ["msg_1", "msg_2"]


# ---------------------------------------------------------------- the clock


@pytest.fixture
def due(store: Store) -> DueItems:
    """Return what is due, as the clock sees it."""
    return DueItems(store.table)


@pytest.mark.parametrize("name", list(CLOCK_ANSWERS))
def test_while_nothing_is_due_the_clock_says_so(start: StartFunction, name: str) -> None:
    """With every stored event."""
    assert start("clock")(load("clock", name)) == CLOCK_ANSWERS[name]


def _tick(aws: Aws, due: DueItems, store: Store, now: datetime) -> int:
    queues = Queues(
        SyncQueue(aws.sqs, aws.environment["SYNC_QUEUE_URL"]), RetryQueue(aws.sqs, aws.environment["RETRY_QUEUE_URL"])
    )
    return tick(due, queues, SharedGate(store.table, lambda: now), lambda: now).enqueued


@pytest.fixture
def _in_progress(start: StartFunction, simulated: SimulatedCodat) -> None:
    simulated.change_sync(SYNC_ID, code=1000)
    start("worker")(batch(of(simulated, simulated.sync(SYNC_ID))))


@pytest.mark.usefixtures("_in_progress")
def test_what_is_due_is_enqueued_once(aws: Aws, due: DueItems, store: Store) -> None:
    """Each minute, by one clock or two; its company is the message group."""
    now = datetime.now(UTC)
    assert _tick(aws, due, store, now) == 0
    assert _tick(aws, due, store, now + timedelta(minutes=2)) == 1
    assert _tick(aws, due, store, now + timedelta(minutes=3)) == 0
    (sent,) = aws.messages("SYNC_QUEUE")
    assert sent["Attributes"]["MessageGroupId"] == COMPANY_ID
    check = json.loads(sent["Body"])
    assert (check["kind"], check["syncId"], check["version"]) == ("check", SYNC_ID, 1)
    assert check["correlationId"] == "B8qnXhkUrPEEMSg="


@pytest.mark.usefixtures("_in_progress")
def test_a_check_that_was_lost_is_made_again(
    aws: Aws, due: DueItems, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock crashed between putting the item off and enqueuing it, or the queue did not take it."""
    now = datetime.now(UTC) + timedelta(minutes=2)
    with monkeypatch.context() as failing:
        failing.setattr(SyncQueue, "send_all", lambda *_: 0)
        with pytest.raises(QueueUnavailableError, match="0 of 1"):
            _tick(aws, due, store, now)
    assert _tick(aws, due, store, now + LEASE - timedelta(minutes=1)) == 0
    assert _tick(aws, due, store, now + LEASE) == 1


def test_what_cant_be_put_off_does_not_hold_the_others_up(
    start: StartFunction, aws: Aws, store: Store, simulated: SimulatedCodat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are enqueued; then the clock fails, so that somebody hears of it."""
    due = DueItems(store.table)
    company = simulated.company(COMPANY_ID)
    syncs = [simulated.add_sync(company, 1000) for _ in range(5)]
    start("worker")(batch(*(of(simulated, sync, f"msg_{n}") for n, sync in enumerate(syncs))))
    lease = DueItems.lease

    def reluctant(self: DueItems, item: DueItem, now: datetime) -> bool:
        if syncs[0].sync_id in item.key["pk"]:
            raise UnprocessedError("throttled")
        return lease(self, item, now)

    monkeypatch.setattr(DueItems, "lease", reluctant)
    with pytest.raises(UnprocessedError):
        _tick(aws, due, store, datetime.now(UTC) + timedelta(minutes=2))
    assert len(_checks(aws)) == 4


def test_no_more_is_enqueued_than_the_workers_can_do(
    start: StartFunction, aws: Aws, store: Store, simulated: SimulatedCodat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is put off would come again before they have got to it."""
    due = DueItems(store.table)
    monkeypatch.setattr("codat_sync.polling.dispatcher._MOST", 3)
    company = simulated.company(COMPANY_ID)
    syncs = [simulated.add_sync(company, 1000) for _ in range(5)]
    start("worker")(batch(*(of(simulated, sync, f"msg_{n}") for n, sync in enumerate(syncs))))
    now = datetime.now(UTC) + timedelta(minutes=2)
    assert [_tick(aws, due, store, now) for _ in range(2)] == [3, 0]
    assert len(_checks(aws)) == 3
    assert _tick(aws, due, store, now) == 2


@pytest.mark.usefixtures("_in_progress")
def test_what_moved_on_meanwhile_is_not_enqueued(aws: Aws, due: DueItems, store: Store) -> None:
    """Another clock was quicker."""
    now = datetime.now(UTC) + timedelta(minutes=2)
    (item,) = due.load(now, 10, is_opened_early=False)
    assert _tick(aws, due, store, now) == 1
    assert not due.lease(item, now)


# ---------------------------------------------------------------- the gate


@pytest.mark.usefixtures("soon")
def test_when_the_quota_is_used_up_nothing_is_asked_until_it_is_there_again(
    start: StartFunction, aws: Aws, store: Store, simulated: SimulatedCodat
) -> None:
    """Messages wait in the table, not in the queue, whatever time Codat named."""
    company = simulated.company(COMPANY_ID)
    syncs = [simulated.add_sync(company) for _ in range(4)]
    worker, clock = start("worker"), start("clock")
    simulated.quota.leave(0)
    assert failed(worker(batch(of(simulated, syncs[0], "msg_0")))) == []
    assert [entry.status for entry in simulated.requests.entries] == [429]
    rest = [of(simulated, sync, f"msg_{n}") for n, sync in enumerate(syncs[1:], start=1)]
    assert failed(worker(batch(*rest))) == []
    assert failed(start("worker")(batch(*rest))) == []  # another process, and each event came twice
    assert clock({}) == {"enqueued": 0, "gate": "quota"}
    assert len(simulated.requests.entries) == 1

    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    dues = [_waiting(store, sync.sync_id).due_at for sync in syncs]
    assert all(due and midnight <= due <= midnight + timedelta(minutes=10) for due in dues)
    assert len(set(dues)) == len(dues)
    outcomes = {document.outcome for sync in syncs if (document := store.load_sync(sync.sync_id))}
    assert outcomes == {Outcome.ANNOUNCED}

    simulated.quota.leave(1000)
    worker(batch(message(simulated.event(event_type=_RESET), "msg_reset")))
    assert start("clock")({}) == {"enqueued": 4, "gate": None}
    assert failed(worker(batch(*_checks(aws)))) == []
    for number, sync in enumerate(syncs):
        document = store.load_sync(sync.sync_id)
        assert document
        assert (document.outcome, document.waiting) == (Outcome.SUCCEEDED, None)
        assert store.load_seen_events(sync.sync_id) == [f"msg_{number}"]


def test_an_event_says_that_the_quota_is_used_up(start: StartFunction, simulated: SimulatedCodat) -> None:
    """Nothing is asked then, not even once; one of either generation."""
    worker = start("worker")
    reached = [simulated.event(event_type=_REACHED), simulated.event(generation="old", event_type="Rate Limit Reached")]
    for event in reached:
        worker(batch(message(event, "msg_reached")))
        worker(batch(of(simulated, simulated.sync(SYNC_ID))))
        assert simulated.requests.entries == ()
        worker(batch(message(simulated.event(event_type=_RESET), "msg_reset")))


def test_a_reset_that_is_older_than_what_closed_the_gate_does_not_open_it(
    start: StartFunction, simulated: SimulatedCodat
) -> None:
    """It was on its way for hours."""
    worker = start("worker")
    late = simulated.event(event_type=_RESET, overrides={"generatedDate": "2026-11-20T00:00:01Z"})
    worker(batch(message(simulated.event(event_type=_REACHED), "msg_reached")))
    worker(batch(message(late, "msg_reset")))
    assert start("clock")({})["gate"] == "quota"


def test_the_last_of_the_quota_is_left_for_people(
    start: StartFunction, store: Store, simulated: SimulatedCodat
) -> None:
    """A twentieth of the day's."""
    simulated.quota.leave(101)
    worker = start("worker")
    worker(batch(of(simulated, simulated.sync(SYNC_ID), "msg_1")))
    assert failed(worker(batch(of(simulated, simulated.sync(SYNC_ID), "msg_2")))) == []
    assert _waiting(store).trouble is Trouble.GATE_CLOSED
    assert start("clock")({})["gate"] == "reserve"
    assert simulated.quota.remaining >= 99


@pytest.mark.parametrize("status", [401, 402, 403])
def test_what_codat_refuses_is_not_asked_again_and_counted(
    start: StartFunction, store: Store, simulated: SimulatedCodat, capsys: pytest.CaptureFixture[str], status: int
) -> None:
    """A person has to mend it; until then syncs wait in the table."""
    simulated.faults.add(Fault("status", times=99, status=status))
    worker = start("worker")
    other = simulated.add_sync(simulated.company(COMPANY_ID))
    assert failed(worker(batch(of(simulated, simulated.sync(SYNC_ID), "msg_1")))) == []
    assert failed(worker(batch(of(simulated, other, "msg_2")))) == []
    assert len(simulated.requests.entries) == 1
    # What was refused waits for its own time: if it is refused alone, it does not keep the gate closed for all.
    assert _waiting(store).trouble is Trouble.REFUSED
    assert _waiting(store, other.sync_id).trouble is Trouble.GATE_CLOSED
    log = capsys.readouterr().out
    assert f'"status":"{status}","service":"worker","CodatCalls":[1.0]' in log
    assert start("clock")({})["gate"] == "refused"
    assert '"reason":"refused","service":"clock","GateClosedBy":[1.0]' in capsys.readouterr().out


@pytest.mark.usefixtures("soon")
def test_until_the_key_is_put_in_place_syncs_wait(
    start: StartFunction, aws: Aws, store: Store, simulated: SimulatedCodat
) -> None:
    """The secret is made empty: nothing is lost on a Friday when it is forgotten."""
    aws.put_secret("CODAT_SECRET", {"apiKey": ""})
    worker, clock = start("worker"), start("clock")
    assert failed(worker(load("worker", "sync-successful"))) == []
    assert _waiting(store).trouble is Trouble.NO_KEY
    assert simulated.requests.entries == ()
    aws.put_secret("CODAT_SECRET", {"apiKey": API_KEY})
    clock({})
    worker(batch(*_checks(aws)))
    document = store.load_sync(SYNC_ID)
    assert document
    assert (document.outcome, document.waiting) == (Outcome.FAILED, None)


# ---------------------------------------------------------------- Codat fails


def _received(messages: Any, receives: int) -> Any:  # noqa: ANN401 - what SQS hands over
    attributes = messages["Records"][0]["attributes"] | {"ApproximateReceiveCount": str(receives)}
    return {"Records": [record | {"attributes": attributes} for record in messages["Records"]]}


def test_what_codat_fails_is_left_to_the_queue_first_and_then_to_the_table(
    start: StartFunction, store: Store, simulated: SimulatedCodat
) -> None:
    """An outage may last longer than a queue hands a message out; none ends as a dead letter for that."""
    simulated.faults.add(Fault("status", times=99, status=503))
    messages = batch(of(simulated, simulated.sync(SYNC_ID)))
    worker = start("worker")
    for receives in range(1, MOST_RECEIVES):
        assert failed(worker(_received(messages, receives))) == ["message-0"]
        assert (_waiting(store).trouble, _waiting(store).due_at) == (Trouble.UNAVAILABLE, None)
    assert failed(worker(_received(messages, MOST_RECEIVES))) == []
    assert _waiting(store).due_at


def test_a_slow_answer_fails_alone(
    start: StartFunction, store: Store, simulated: SimulatedCodat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others of its batch are done with, in the time that the function has."""
    monkeypatch.setattr("codat_sync.codat.http.SECONDS_OF_A_CALL", 5)
    company = simulated.company(COMPANY_ID)
    good, slow = (simulated.add_sync(company) for _ in range(2))
    simulated.faults.add(Fault("latency", seconds=3.0, sync_id=slow.sync_id))
    messages = batch(of(simulated, slow, "msg_1"), of(simulated, good, "msg_2"))
    assert failed(start("worker")(messages | {"remaining_ms": 7_000})) == ["message-0"]
    document = store.load_sync(good.sync_id)
    assert document
    assert document.outcome is Outcome.SUCCEEDED


# ---------------------------------------------------------------- what takes hours, with a clock of its own


class Worker:
    """Takes one sync in, whenever it is told that it is."""

    def __init__(self, store: Store, http: httpx.Client) -> None:
        self.now = datetime.now(UTC)
        gate = SharedGate(store.table, lambda: self.now, clock=self._seconds)
        pace = Pace(at_once=8, per_minute=1_000_000)
        codat = Codat(CodatConnection(http, lambda: API_KEY, pace, gate, lambda: self.now))
        self._store = store
        self.reports: list[Report] = []
        self._ingestion = Ingestion(
            codat, store, Schedule(), lambda: self.now, lambda _, found: self.reports.append(found)
        )

    def _seconds(self) -> float:
        return self.now.timestamp()

    def hear(self, webhook_id: str, receives: int = 1) -> Ingested:
        """Take in what a webhook tells."""
        event = WebhookEvent(webhook_id, "expenses.sync.successful", self.now, None, "request-1")
        news = SyncNews(COMPANY_ID, SYNC_ID, event, None, "request-1")
        return self._ingestion.take_in([news], receives)

    def check(self, version: int | None = None) -> Ingested:
        """Look because it is due at a version: the current one, if none is given."""
        document = self._store.load_sync(SYNC_ID)
        assert document
        news = SyncNews(COMPANY_ID, SYNC_ID, None, version or document.version, "request-1")
        return self._ingestion.take_in([news], 1)

    def wait(self) -> None:
        """Let time pass until it is due."""
        self.now = _waiting(self._store).due_at or self.now


@pytest.fixture
def worker(store: Store, simulated: SimulatedCodat, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    """Return one that asks simulated Codat in this process, and does not really wait between its tries."""
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)
    with httpx.Client(base_url="http://codat.test", transport=simulated.transport()) as http:
        yield Worker(store, http)


def test_a_sync_that_never_ends_is_reported_once(worker: Worker, store: Store, simulated: SimulatedCodat) -> None:
    """After a day; and it is listed as stuck from then on."""
    simulated.change_sync(SYNC_ID, code=1010)
    worker.hear("msg_1")
    for _ in range(40):
        worker.wait()
        worker.check()
    assert worker.reports == [Report.STUCK]
    assert _waiting(store).is_stuck


def test_a_sync_that_is_not_looked_at_any_more_is_reported_and_an_event_begins_anew(
    worker: Worker, store: Store, simulated: SimulatedCodat
) -> None:
    """However long ago that was, and whatever Codat answers just then."""
    simulated.change_sync(SYNC_ID, code=1010)
    worker.hear("msg_1")
    while _waiting(store).due_at:
        worker.wait()
        worker.check()
    assert worker.reports == [Report.STUCK, Report.ABANDONED]
    worker.now += timedelta(days=1)
    simulated.change_sync(SYNC_ID, code=2000, items=(Item("t"),))
    simulated.faults.add(Fault("status", status=503, times=3))
    assert worker.hear("msg_2", MOST_RECEIVES).change is Change.DEFERRED
    assert _waiting(store).due_at == worker.now + timedelta(minutes=1)
    worker.wait()
    assert worker.check().change is Change.COMMITTED


@pytest.mark.parametrize("fault", [Fault("status", status=503, times=10**6), Fault("disconnect", times=10**6)])
def test_an_outage_of_any_length_is_waited_for(
    worker: Worker, store: Store, simulated: SimulatedCodat, fault: Fault
) -> None:
    """And costs little: a check is put off at its first failure, and after a day is made four times a day."""
    simulated.faults.add(fault)
    worker.hear("msg_1", MOST_RECEIVES)
    began = worker.now
    while worker.now - began < timedelta(days=60):
        worker.wait()
        assert worker.check().change is Change.DEFERRED
    assert _waiting(store).due_at == worker.now + timedelta(hours=6)
    assert _asked(simulated) < 3 * (30 + 4 * 60)
    simulated.faults.clear()
    worker.wait()
    assert worker.check().change is Change.COMMITTED


def test_a_failed_sync_that_has_no_transactions_is_kept(
    worker: Worker, store: Store, simulated: SimulatedCodat
) -> None:
    """Codat may not even know a list of them."""
    simulated.change_sync(SYNC_ID, code=4000)
    simulated.faults.add(Fault("status", status=404, times=9, path="transactions"))
    assert worker.hear("msg_1").change is Change.COMMITTED
    document = store.load_sync(SYNC_ID)
    assert document
    assert (document.outcome, document.items, document.waiting) == (Outcome.FAILED, (), None)


def test_a_sync_that_succeeded_and_has_no_transactions_is_looked_at_again(
    worker: Worker, simulated: SimulatedCodat
) -> None:
    """They are on their way; if they never come, a person is told."""
    simulated.change_sync(SYNC_ID, code=2000)
    simulated.faults.add(Fault("status", status=404, times=99, path="transactions"))
    with pytest.raises(CodatUnavailableError):
        worker.hear("msg_1")
    with pytest.raises(PoisonError, match="malformed-answer"):
        worker.hear("msg_1", MOST_RECEIVES)
    simulated.faults.clear()
    assert worker.hear("msg_1").change is Change.COMMITTED


def test_a_pending_item_keeps_a_sync_in_progress(worker: Worker, store: Store, simulated: SimulatedCodat) -> None:
    """Though its code is one of success."""
    simulated.change_sync(SYNC_ID, code=2000, items=(Item("a"), Item("b", "Pending")))
    worker.hear("msg_1")
    document = store.load_sync(SYNC_ID)
    assert document
    assert document.outcome is Outcome.IN_PROGRESS


def test_what_is_to_be_told_is_told_though_the_event_could_not_be_written(
    worker: Worker, simulated: SimulatedCodat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message comes again, and finds it written."""
    simulated.change_sync(SYNC_ID, code=1000)
    worker.hear("msg_1")
    worker.now += timedelta(days=2)

    def throttled(*_: object) -> None:
        raise UnprocessedError("throttled")

    with monkeypatch.context() as failing:
        failing.setattr(Store, "set_waiting", throttled)
        with pytest.raises(UnprocessedError):
            worker.check()
    worker.check()
    assert Report.STUCK in worker.reports


def test_a_sync_that_codat_does_not_know_yet_is_looked_for(
    worker: Worker, store: Store, simulated: SimulatedCodat
) -> None:
    """A webhook named it, so it must be somewhere."""
    simulated.faults.add(Fault("status", status=404, times=2))
    assert worker.hear("msg_1").change is Change.DEFERRED
    assert _waiting(store).trouble is Trouble.NOT_FOUND
    worker.wait()
    assert worker.check().change is Change.DEFERRED
    worker.wait()
    assert worker.check().change is Change.COMMITTED
    assert store.load_seen_events(SYNC_ID) == ["msg_1"]


def test_after_an_hour_codat_is_believed_that_there_is_no_such_sync(
    worker: Worker, store: Store, simulated: SimulatedCodat
) -> None:
    """It is reported, and not looked at by itself any more; what was known of it stays."""
    worker.hear("msg_1")
    simulated.delete_company(COMPANY_ID)
    worker.hear("msg_2")
    while _waiting(store).due_at:
        worker.wait()
        worker.check()
    assert worker.reports == [Report.MISSING]
    document = store.load_sync(SYNC_ID)
    assert document
    assert (document.outcome, len(document.items)) == (Outcome.FAILED, 2)


def test_a_malformed_answer_to_a_check_makes_one_dead_letter_that_can_be_redriven(
    worker: Worker, store: Store, simulated: SimulatedCodat
) -> None:
    """It is not looked at again by itself, which would make one each time."""
    simulated.change_sync(SYNC_ID, code=1000)
    worker.hear("msg_1")
    simulated.faults.add(Fault("malformed", times=3))
    worker.wait()
    with pytest.raises(PoisonError, match="malformed-answer"):
        worker.check()
    assert (_waiting(store).trouble, _waiting(store).due_at) == (Trouble.MALFORMED, None)
    assert worker.check().change is Change.UNCHANGED
    assert _waiting(store).trouble is None
    assert _waiting(store).due_at


def test_a_malformed_answer_about_a_new_sync_leaves_it_announced(
    worker: Worker, store: Store, simulated: SimulatedCodat
) -> None:
    """So that it can be seen; once the dead letter is redriven, it is as if nothing had been."""
    simulated.faults.add(Fault("wrong_shape", times=3))
    with pytest.raises(PoisonError) as raised:
        worker.hear("msg_1")
    assert "/status: " in raised.value.detail
    document = store.load_sync(SYNC_ID)
    assert document
    assert (document.outcome, document.sync, document.items) == (Outcome.ANNOUNCED, None, ())
    assert worker.hear("msg_1").change is Change.COMMITTED
    document = store.load_sync(SYNC_ID)
    assert document
    assert document.waiting is None


def test_codats_correlation_id_goes_with_a_dead_letter(worker: Worker, simulated: SimulatedCodat) -> None:
    """Its support asks for it."""
    simulated.faults.add(Fault("status", status=400, times=3))
    with pytest.raises(PoisonError) as raised:
        worker.hear("msg_1")
    assert "HTTP 400" in raised.value.detail
    assert "Codat's correlation id " in raised.value.detail


def test_an_event_during_the_wait_for_the_gate_is_not_forgotten(
    worker: Worker, store: Store, simulated: SimulatedCodat
) -> None:
    """Whoever asked before it loses the race to commit."""
    worker.hear("msg_1")
    simulated.quota.leave(0)
    assert worker.hear("msg_2").change is Change.DEFERRED
    before = store.load_sync(SYNC_ID)
    assert before
    assert before.version == 2
    assert worker.hear("msg_3").change is Change.DEFERRED
    assert worker.check(version=2).change is Change.OUTDATED
    simulated.quota.leave(1000)
    worker.now += timedelta(days=2)
    assert worker.check(version=3).change is Change.UNCHANGED
    document = store.load_sync(SYNC_ID)
    assert document
    assert (document.waiting, document.version) == (None, 4)
    assert replace(document, version=1, waiting=None) == replace(before, version=1, waiting=None)
