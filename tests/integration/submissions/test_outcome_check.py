"""Wherever the connection to Codat or the function breaks: each submission gets an outcome, or is reported."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from codat_sync.publishing import events as event_types
from codat_sync.submissions.codat_writer import CodatWriter
from codat_sync.submissions.repository import SubmissionRepository
from codat_sync.submissions.submission import LOOKUP_PERIOD, UNKNOWN_AFTER, State, Submission
from codat_sync.submissions.unknown_outcome_repository import UnknownOutcome, UnknownOutcomeRepository
from codat_sync.syncs.repository import SyncRepository
from dev.codat_simulator.faults import Fault, Kind
from dev.codat_simulator.simulator import SimulatedCodat
from dev.local_stack.bus_subscriber import Event
from dev.stored_events import COMPANY_ID
from tests.support.aws import Aws
from tests.support.clock import SimulatedTime
from tests.support.handlers import Handler, StartFunction
from tests.support.sqs_batches import batch
from tests.support.submit_requests import ask, expense
from tests.support.tables.table_stream import PublisherHarness, make_publisher_harness

_WRITES, _LISTS = "-transactions", "/sync/expenses/syncs"
_SIDE = {"accountRef": {"id": "a"}, "amount": 5}
_SOON, _LATER = timedelta(minutes=2), timedelta(hours=3)
_FINAL = {State.ACCEPTED, State.REJECTED}


class CrashError(Exception):
    """The function dies."""


def _crash(*_: object, **__: object) -> None:
    raise CrashError


@dataclass(frozen=True)
class Request:
    """A product's request of one kind."""

    method: str
    path: str

    def send(self, submit: Handler, transaction_id: str) -> None:
        """Send it; the function may crash."""
        body: dict[str, Any] = expense(transaction_id, date="2026-11-24", contactRef={"id": "c"}, to=_SIDE)
        body |= {"from": _SIDE, "dueDate": "2026-12-24"}
        body["lines"][0] |= {"amount": 7, "accountRef": {"id": "a"}}
        path = f"/companies/{COMPANY_ID}/sync/expenses/{self.path}"
        is_put = self.method == "PUT"
        with suppress(CrashError):
            ask(submit, self.method, f"{path}/{transaction_id}" if is_put else path, body if is_put else [body])


# A creation, an update, and a PUT that creates.
_REQUESTS = (
    Request("POST", "expense-transactions"),
    Request("PUT", "expense-transactions"),
    Request("PUT", "transfer-transactions"),
)
# What can befall a write: every fault of the simulator that a write can meet.
_KINDS: tuple[Kind, ...] = (
    *("disconnect", "reset", "disconnect_after", "reset_after"),
    *("cut", "maintenance", "wrong_shape", "unlink"),
)
_FAULTS: dict[str, Fault] = {
    **{kind: Fault(kind, path=_WRITES) for kind in _KINDS},
    **{f"status {code}": Fault("status", path=_WRITES, status=code) for code in (400, 408, 409, 429, 500, 502, 503)},
    **{f"status_after {code}": Fault("status_after", path=_WRITES, status=code) for code in (408, 500, 503)},
    "latency_after": Fault("latency_after", path=_WRITES, seconds=0.6),
    "unlink_status": Fault("unlink_status", path=_WRITES, status=503),
}
# Where a function can crash, in the order of its steps.
_CRASHES: dict[str, tuple[type, str]] = {
    "before it is marked as sent": (SubmissionRepository, "mark_sent"),
    "before a creation is sent": (CodatWriter, "create"),
    "before an update is sent": (CodatWriter, "put"),
    "before its sync is stored": (SyncRepository, "announce"),
    "before it is marked as accepted": (SubmissionRepository, "mark_accepted"),
}
# What can befall the lookups.
_OUTAGES: tuple[Kind, ...] = ("status", "disconnect", "cut", "maintenance", "wrong_shape", "truncated")


@dataclass
class World:
    """The functions, Codat and the time."""

    submit: Handler
    clock: Handler
    retry: Handler
    bus: PublisherHarness
    aws: Aws
    submissions: SubmissionRepository
    store: SyncRepository
    time: SimulatedTime

    def pass_by(self, time: timedelta) -> None:
        """Let time pass, and the clock and retry work."""
        self.time.passed += time
        self.clock({})
        if bodies := [each["Body"] for each in self.aws.messages("RETRY_QUEUE")]:
            assert self.retry(batch(*bodies)) == {"batchItemFailures": []}

    def submission(self, transaction_id: str) -> Submission:
        """Return the transaction's only submission."""
        ((submission, _),) = self.submissions.load_submissions(COMPANY_ID, transaction_id)
        return submission

    def listed(self) -> dict[str, UnknownOutcome]:
        """Return what the list has, by transaction."""
        found, cursor = UnknownOutcomeRepository(self.store.table).load(None, 100)
        assert cursor is None
        return {each: outcome for outcome in found for each in outcome.transaction_ids}

    def submit_each(self, requests: Iterable[Request], prepare: Callable[[], None] = lambda: None) -> list[str]:
        """Send the requests, each after ``prepare``; returns their transactions."""
        transaction_ids = []
        for request in requests:
            transaction_ids.append(str(uuid4()))
            prepare()
            request.send(self.submit, transaction_ids[-1])
        return transaction_ids


@pytest.fixture
def world(start: StartFunction, aws: Aws, store: SyncRepository, monkeypatch: pytest.MonkeyPatch) -> World:
    """Return the functions of one deployment."""
    time = SimulatedTime()
    time.install(monkeypatch)
    monkeypatch.setattr("codat_sync.codat.http.MAX_CALL_SECONDS", 0.5)
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)
    bus = make_publisher_harness(aws, start("publish"))
    submissions = SubmissionRepository(store.table)
    return World(start("submit"), start("clock"), start("retry"), bus, aws, submissions, store, time)


def _about(events: list[Event], name: str) -> dict[str, dict[str, Any]]:
    """Return the events' details by transaction; each is valid by its schema."""
    details = [event["detail"] for event in events if event["detail-type"] == name]
    for detail in details:
        getattr(event_types, name).model_validate(detail, strict=True)
    return {each: detail for detail in details for each in detail["transactionIds"]}


def _check_end(
    world: World, simulated: SimulatedCodat, transaction_ids: list[str], read_log: Callable[[], str]
) -> None:
    """Let hours pass, then weeks: all is known, or listed, published and counted once. Nothing is sent."""
    sent, events = len(simulated.submissions), world.bus.catch_up()
    for time in (_SOON, UNKNOWN_AFTER, _LATER, LOOKUP_PERIOD):
        world.pass_by(time)
        events += world.bus.catch_up()
    assert len(simulated.submissions) == sent
    unknown = {each for each in transaction_ids if world.submission(each).state not in _FINAL}
    assert set(world.listed()) == unknown
    assert set(_about(events, "SubmissionOutcomeUnknown")) == unknown
    assert read_log().count('"Name":"SubmissionsUnknown"') == len(unknown)
    assert {outcome.next_lookup_at for outcome in world.listed().values()} <= {None}
    at_codat = {each.transaction_id for made in simulated.submissions for each in made.transactions}
    accepted = {each for each in transaction_ids if world.submission(each).state is State.ACCEPTED}
    assert accepted == at_codat & set(transaction_ids)


@pytest.mark.parametrize("name", _FAULTS)
def test_a_broken_connection_ends_in_an_outcome_or_on_the_list(
    world: World, simulated: SimulatedCodat, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """For every fault and method."""

    def prepare() -> None:
        simulated.set_connection_status(COMPANY_ID, "Linked")
        simulated.faults.add(_FAULTS[name])

    transaction_ids = world.submit_each(_REQUESTS, prepare)
    simulated.faults.clear()
    _check_end(world, simulated, transaction_ids, lambda: capsys.readouterr().out)


@pytest.mark.parametrize("name", _CRASHES)
def test_a_crash_ends_in_an_outcome_or_on_the_list(
    world: World,
    simulated: SimulatedCodat,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    """For every step and method."""
    with monkeypatch.context() as crashing:
        crashing.setattr(*_CRASHES[name], _crash)
        transaction_ids = world.submit_each(_REQUESTS)
    assert any(world.submission(each).state not in _FINAL for each in transaction_ids)
    _check_end(world, simulated, transaction_ids, lambda: capsys.readouterr().out)


@pytest.mark.parametrize("kind", _OUTAGES)
def test_a_lookup_that_fails_is_repeated_until_codat_answers(
    world: World, simulated: SimulatedCodat, kind: Kind
) -> None:
    """Even after the period of lookups; in the meantime it is listed. Then it is known, and published as such."""
    (transaction_id,) = world.submit_each(
        _REQUESTS[:1], lambda: simulated.faults.add(Fault("disconnect_after", path=_WRITES))
    )
    simulated.faults.add(Fault(kind, times=10_000, status=503, path=_LISTS))
    for time in (_SOON, UNKNOWN_AFTER, LOOKUP_PERIOD):
        world.pass_by(time)
    assert world.submission(transaction_id).state is State.UNKNOWN
    assert list(_about(world.bus.catch_up(), "SubmissionOutcomeUnknown")) == [transaction_id]
    assert world.listed()[transaction_id].next_lookup_at
    simulated.faults.clear()
    world.pass_by(timedelta(hours=7))
    (made,) = simulated.submissions
    assert world.submission(transaction_id).sync_id == made.sync_id
    assert world.listed() == {}
    known = _about(world.bus.catch_up(), "SubmissionOutcomeKnown")[transaction_id]
    assert (known["syncId"], known["writtenIds"]) == (made.sync_id, [])


def test_what_an_older_version_left_due_is_cleared(world: World, store: SyncRepository) -> None:
    """It recorded the outcome, and knew nothing of the due time."""
    (transaction_id,) = world.submit_each(_REQUESTS[:1])
    key = {"pk": f"SUB#{world.submission(transaction_id).submission_id}", "sk": "SUB"}
    store.table.update(key, {"duePk": "DUE", "dueAt": "2026-01-01T00:00:00.000Z"}, {})
    world.pass_by(_SOON)
    assert store.table.get_attribute(key, "dueAt") is None
    assert world.submission(transaction_id).state is State.ACCEPTED


def test_nothing_of_an_erased_company_is_written(
    world: World, store: SyncRepository, simulated: SimulatedCodat
) -> None:
    """Neither its outcome nor its next lookup: its items are being deleted."""
    (transaction_id,) = world.submit_each(
        _REQUESTS[:1], lambda: simulated.faults.add(Fault("disconnect_after", path=_WRITES))
    )
    company = {"pk": f"COMPANY#{COMPANY_ID}", "sk": "COMPANY"}
    store.table.update(company, {"erasureRequestedAt": "2026-11-28T05:15:32.340Z"}, {})
    before = world.submission(transaction_id)
    world.pass_by(_LATER)
    assert world.submission(transaction_id) == before
