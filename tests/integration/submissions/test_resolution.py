"""An operator states what the accounting software shows of a submission with an unknown outcome."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from codat_sync.aws.table_schema import retry_key, submission_key
from codat_sync.submissions.repository import SubmissionRepository
from codat_sync.submissions.submission import KEY_REUSE_WINDOW, UNKNOWN_AFTER, State, Submission
from codat_sync.submissions.unknown_outcome_repository import UnknownOutcomeRepository
from codat_sync.syncs.repository import SyncRepository
from codat_sync.syncs.retry_repository import RetryRepository
from dev.codat_simulator.books.models import Item
from dev.codat_simulator.books.settling import Outcome, Verdict
from dev.codat_simulator.faults import Fault
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID
from tests.support.aws import Aws
from tests.support.clock import SimulatedTime
from tests.support.handlers import Handler, StartFunction
from tests.support.sqs_batches import batch, of
from tests.support.submit_requests import EXPENSES, Answered, ask, expense
from tests.support.tables.table_stream import make_publisher_harness

_BY = "Ada (ada@example.com)"


@dataclass
class World:
    """The functions, Codat and the time."""

    start: StartFunction
    submit: Handler
    retry: Handler
    simulated: SimulatedCodat
    aws: Aws
    submissions: SubmissionRepository
    time: SimulatedTime

    def lose(self, *transaction_ids: str, method: str = "POST") -> list[dict[str, Any]]:
        """Submit expenses whose request is lost; returns their bodies."""
        bodies = [expense(each) for each in transaction_ids]
        self.simulated.faults.add(Fault("disconnect", path="expense-transactions"))
        path = EXPENSES if method == "POST" else f"{EXPENSES}/{transaction_ids[0]}"
        assert ask(self.submit, method, path, bodies if method == "POST" else bodies[0]).status == 504
        return bodies

    def pass_by(self, time: timedelta) -> None:
        """Let time pass, and the clock and retry work."""
        self.time.passed += time
        self.start("clock")({})
        if bodies := [each["Body"] for each in self.aws.messages("RETRY_QUEUE")]:
            assert self.retry(batch(*bodies)) == {"batchItemFailures": []}

    def submission(self, transaction_id: str) -> Submission:
        """Return the transaction's last submission."""
        return self.submissions.load_submissions(COMPANY_ID, transaction_id)[-1][0]

    def state(self, transaction_id: str, written: list[str] | None) -> object:
        """Have an operator state which transactions are written; returns retry's response."""
        submission_id = self.submission(transaction_id).submission_id
        return self.retry(
            {"submissionId": submission_id, "written": written, "by": _BY, "reason": "looked in Xero, ticket 7"}
        )

    def create(self, body: dict[str, Any]) -> Answered:
        """Submit an expense again."""
        return ask(self.submit, "POST", EXPENSES, [body])


@pytest.fixture
def world(
    start: StartFunction,
    aws: Aws,
    store: SyncRepository,
    simulated: SimulatedCodat,
    monkeypatch: pytest.MonkeyPatch,
) -> World:
    """Return the functions of one deployment."""
    time = SimulatedTime()
    time.install(monkeypatch)
    submissions = SubmissionRepository(store.table)
    return World(start, start("submit"), start("retry"), simulated, aws, submissions, time)


def test_what_is_not_written_can_be_submitted_again(world: World, store: SyncRepository) -> None:
    """Not before: and who said so, why and when stays with the submission."""
    one = str(uuid4())
    (body,) = world.lose(one)
    world.pass_by(UNKNOWN_AFTER)
    assert world.create(body).status == 409
    assert world.state(one, []) == {"isResolved": True}
    submission = world.submission(one)
    assert submission.state is State.REJECTED
    assert submission.resolution
    assert (submission.resolution.by, submission.resolution.reason) == (_BY, "looked in Xero, ticket 7")
    assert UnknownOutcomeRepository(store.table).load(None, 10) == ([], None)
    assert store.table.get_attribute(submission_key(submission.submission_id), "dueAt") is None
    assert world.simulated.submissions == ()
    assert world.create(body).status == 200
    assert len(world.simulated.submissions) == 1


def test_what_is_written_is_not_created_again_but_can_be_updated(world: World) -> None:
    """By a claim of its own, with Codat's own error."""
    one = str(uuid4())
    (body,) = world.lose(one)
    world.pass_by(UNKNOWN_AFTER)
    assert world.state(one, None) == {"isResolved": True}
    assert (world.submission(one).state, world.submission(one).sync_id) == (State.ACCEPTED, None)
    for again in (body, body | {"id": one.upper()}):
        refused = world.create(again)
        assert refused.status == 400
        assert "previously been processed" in str(refused.body)
    assert world.simulated.submissions == ()
    assert ask(world.submit, "PUT", f"{EXPENSES}/{one}", body).status == 202


def test_some_may_be_written_and_others_not(world: World) -> None:
    """Each is stated on its own: those that are not can be submitted again."""
    one, two = str(uuid4()), str(uuid4())
    bodies = world.lose(one, two)
    world.pass_by(UNKNOWN_AFTER)
    assert world.state(one, [one]) == {"isResolved": True}
    assert [world.create(body).status for body in bodies] == [400, 200]


def test_it_is_too_early_while_it_may_be_sent_again(world: World) -> None:
    """A repeated request with its key may be in transit: what the accounting software shows may change."""
    one = str(uuid4())
    world.lose(one)
    for time in (timedelta(), KEY_REUSE_WINDOW):
        world.pass_by(time)
        with pytest.raises(Exception, match="sent again"):
            world.state(one, [])
    assert world.submission(one).state is State.UNKNOWN


@pytest.mark.parametrize("written", [["another"], [str(uuid4())]])
def test_only_its_own_transactions_can_be_stated(world: World, written: list[str]) -> None:
    """Nothing is recorded."""
    one = str(uuid4())
    world.lose(one)
    world.pass_by(UNKNOWN_AFTER)
    with pytest.raises(Exception, match="not in this submission"):
        world.state(one, written)
    assert world.submission(one).state is State.UNKNOWN


def test_the_outcome_found_first_counts(world: World) -> None:
    """An operator's statement about a submission whose sync is known changes nothing."""
    one = str(uuid4())
    assert world.create(expense(one)).status == 200
    assert world.state(one, []) == {"isResolved": False}
    assert world.submission(one).state is State.ACCEPTED


def test_a_failed_transaction_whose_retry_was_lost_is_retried_after_the_statement(
    world: World, store: SyncRepository
) -> None:
    """Its retry had stopped, as the outcome was unknown for weeks: it is planned anew, and sends it again."""
    one = str(uuid4())
    sync_id = str(world.create(expense(one)).body["syncId"])
    sync = world.simulated.settle(sync_id, Outcome(otherwise=Verdict("PushError", "busy")))
    world.start("worker")(batch(of(world.simulated, sync)))
    world.simulated.faults.add(Fault("disconnect", path="expense-transactions"))
    world.retry({"syncId": sync_id, "isManual": True})
    assert world.submission(one).state is State.UNKNOWN
    for _ in range(3):
        world.pass_by(timedelta(days=15))
    retries = RetryRepository(store.table)
    stopped = retries.load(sync_id)
    assert stopped
    assert (stopped.due_at, dict(stopped.steps)) == (None, {"outcomeUnknown": 1})
    assert world.state(one, []) == {"isResolved": True}
    world.pass_by(timedelta(minutes=2))
    assert len(world.simulated.submissions) == 2
    assert world.submission(one).state is State.ACCEPTED


def test_the_resolution_is_published(world: World) -> None:
    """Whoever was asked to look knows that it is done."""
    bus = make_publisher_harness(world.aws, world.start("publish"))
    one = str(uuid4())
    world.lose(one)
    world.pass_by(UNKNOWN_AFTER)
    world.state(one, None)
    events = [event for event in bus.catch_up() if event["detail-type"].startswith("Submission")]
    assert [event["detail-type"] for event in events] == ["SubmissionOutcomeUnknown", "SubmissionOutcomeKnown"]
    assert (events[1]["detail"]["syncId"], events[1]["detail"]["writtenIds"]) == (None, [one])
    assert events[0]["detail"]["version"] < events[1]["detail"]["version"]


def test_a_sync_that_ended_without_an_outcome_is_listed_until_somebody_has_dealt_with_it(
    world: World, store: SyncRepository
) -> None:
    """Codat does not say what became of it, and nothing will be looked up: so its retry has no due time."""
    one = str(uuid4())
    sync_id = str(world.create(expense(one)).body["syncId"])
    world.simulated.settle(sync_id, Outcome(otherwise=Verdict("PushError", "busy")))
    items = (Item(one, "PushError", "expense"), Item(one, "Unknown", "bankfeeds"))
    world.start("worker")(batch(of(world.simulated, world.simulated.change_sync(sync_id, items=items))))
    world.retry({"syncId": sync_id})
    retry, outcomes = RetryRepository(store.table).load(sync_id), UnknownOutcomeRepository(store.table)
    assert retry
    assert (retry.due_at, dict(retry.steps)) == (None, {"outcomeUnknown": 1})
    ((listed,), _) = outcomes.load(None, 10)
    assert (listed.sync_id, listed.submission_id, listed.transaction_ids) == (sync_id, None, (one,))
    statement = {"acknowledgedSyncId": sync_id, "by": _BY, "reason": "entered by hand"}
    assert world.retry(statement) == {"isResolved": True}
    assert world.retry(statement) == {"isResolved": False}
    world.retry({"syncId": sync_id})  # It is planned again, and as unknown as before.
    assert outcomes.load(None, 10) == ([], None)
    item = store.table.get([retry_key(sync_id)])[0]
    assert (item["acknowledged"]["by"], item["acknowledged"]["reason"]) == (_BY, "entered by hand")
