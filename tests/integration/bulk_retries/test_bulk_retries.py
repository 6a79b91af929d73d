"""Retry all failed items that match a filter, across syncs: planned, in the background, once, and stoppable."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest

from codat_sync.bulk_retries.repository import BulkRetryRepository
from codat_sync.polling.due_items import LEASE
from codat_sync.syncs.failure_causes import cause_id
from codat_sync.syncs.retry_record import Step
from dev.codat_simulator.books.settling import Outcome as Settled
from dev.codat_simulator.books.settling import Verdict
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import load
from tests.support.aws import Aws
from tests.support.handlers import Handler, StartFunction
from tests.support.sqs_batches import batch, failed, of
from tests.support.submit_requests import EXPENSES, ask, expense

# See ``invocable_retry``.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics:UserWarning")

_BUSY, _ARCHIVED = "The accounting software is busy.", "Account 6100 is archived."
_BUSY_ID = cause_id(_BUSY)


class Support:
    """A support agent with the JSON API, and the functions behind it."""

    def __init__(self, start: StartFunction, aws: Aws, simulated: SimulatedCodat, retry: Handler) -> None:
        self._submit, self._worker = start("submit"), start("worker")
        self._clock, self._health = start("clock"), start("health")
        self._retry = retry
        self._aws = aws
        self._simulated = simulated

    def fails(self, *messages: str) -> str:
        """Submit a sync of one expense for each message, with which it fails; returns the sync's id."""
        bodies = [expense() for _ in messages]
        sync_id = str(ask(self._submit, "POST", EXPENSES, bodies).body["syncId"])
        verdicts = {body["id"]: Verdict("PushError", text) for body, text in zip(bodies, messages, strict=True)}
        sync = self._simulated.settle(sync_id, Settled(verdicts))
        assert failed(self._worker(batch(of(self._simulated, sync, f"msg_{uuid4()}")))) == []
        return sync_id

    def retries_in_vain(self, sync_id: str) -> None:
        """Retry a sync by hand, which fails again."""
        assert self._retry({"syncId": sync_id, "isManual": True, "by": "Ann"})["retrySyncIds"]
        self.settles_latest()

    def settles_latest(self) -> None:
        """Let the sync that was created last fail."""
        sync = self._simulated.settle(self._simulated.syncs[-1].sync_id, Settled(otherwise=Verdict("PushError", _BUSY)))
        assert failed(self._worker(batch(of(self._simulated, sync, f"msg_{uuid4()}")))) == []

    def dismisses(self, sync_id: str) -> None:
        """Dismiss a sync."""
        answer = self.asks("POST", f"/work-items/{sync_id}/decisions", {"kind": "dismiss", "reason": "entered by hand"})
        assert answer["statusCode"] == 200, answer

    def plans(self, **query: str) -> Any:  # noqa: ANN401 - JSON
        """Return the plan of a bulk retry."""
        return self.asks("GET", "/failed-items/plan", query=query)

    def asks(self, method: str, path: str, body: object = None, query: Mapping[str, str] | None = None) -> Any:  # noqa: ANN401 - JSON
        """Make a request of the JSON API; returns the response's body."""
        event = load("health", "sync")
        event["rawPath"] = event["requestContext"]["http"]["path"] = f"/api/v1{path}"
        event["requestContext"]["http"]["method"] = method
        event["rawQueryString"], event["queryStringParameters"] = urlencode(query or {}), dict(query or {})
        event["headers"]["content-type"] = "application/json"
        event["body"] = None if body is None else json.dumps(body)
        answer = self._health(event)
        return json.loads(answer["body"]) | {"statusCode": answer["statusCode"]}

    def starts(self, **body: object) -> str:
        """Start a bulk retry; returns its id."""
        answer = self.asks("POST", "/bulk-retries", body)
        assert answer["statusCode"] == 200, answer
        return str(answer["bulkRetryId"])

    def progress(self, bulk_retry_id: str) -> Any:  # noqa: ANN401 - JSON
        """Return a bulk retry."""
        return self.asks("GET", f"/bulk-retries/{bulk_retry_id}")

    def due(self) -> list[str]:
        """Let the clock enqueue what is due of bulk retries; returns the messages' bodies."""
        self._clock({})
        bodies = [each["Body"] for each in self._aws.messages("RETRY_QUEUE")]
        return [each for each in bodies if json.loads(each)["kind"] == "bulkRetry"]

    def delivers(self, *bodies: str) -> int:
        """Deliver messages to retry; returns how many failed."""
        event = load("retry", "due")
        (record,) = event["Records"]
        event["Records"] = [record | {"body": body, "messageId": str(n)} for n, body in enumerate(bodies)]
        return len(self._retry(event)["batchItemFailures"])

    @property
    def resubmitted(self) -> int:
        """The number of transactions that were created again."""
        created = [each.transaction_id for made in self._simulated.submissions for each in made.transactions]
        return len(created) - len(set(created))


@pytest.fixture
def support(
    invocable_retry: Handler, start: StartFunction, aws: Aws, simulated: SimulatedCodat, monkeypatch: pytest.MonkeyPatch
) -> Support:
    """Return an agent with all roles; syncs of a bulk retry are due at once."""
    aws.environment.update({"ENVIRONMENT": "local", "AUTHENTICATION": "off"})
    monkeypatch.setattr("codat_sync.rate_limits.gate._MAX_AGE", 0)
    monkeypatch.setattr("codat_sync.bulk_retries.repository._PACE", 0 * LEASE)
    return Support(start, aws, simulated, invocable_retry)


def test_all_failed_items_with_a_cause_are_retried_across_syncs(support: Support) -> None:
    """The plan says how many and why not the others; items of other causes are left alone."""
    syncs = [support.fails(_BUSY, _ARCHIVED), support.fails(_BUSY), support.fails(_ARCHIVED)]
    plan = support.plans(cause=_BUSY_ID)
    assert (plan["syncs"], plan["transactions"], plan["resubmitted"], plan["leftOut"]) == (2, 2, 2, [])
    assert (plan["isTruncated"], support.resubmitted) == (False, 0)

    name = support.starts(cause=_BUSY_ID)
    before = support.progress(name)
    assert (before["state"], before["syncs"], before["syncsByState"]) == ("running", 2, {"waiting": 2})
    assert before["filter"]["causeId"] == _BUSY_ID
    messages = support.due()
    assert {json.loads(each)["syncId"] for each in messages} == set(syncs[:2])
    assert support.delivers(*messages) == 0
    after = support.progress(name)
    assert (after["state"], after["syncsByState"], after["resubmitted"]) == ("finished", {"retried": 2}, 2)
    assert (after["steps"], support.resubmitted) == ({}, 2)
    assert support.asks("GET", "/bulk-retries")["bulkRetries"][0]["bulkRetryId"] == name

    again = support.plans(cause=_BUSY_ID)
    assert (again["resubmitted"], [(each["step"], each["transactions"]) for each in again["leftOut"]]) == (
        0,
        [("inProgress", 2)],
    )


def test_a_message_delivered_twice_writes_and_counts_once(support: Support) -> None:
    """Its sync is settled, whatever is delivered later."""
    support.fails(_BUSY)
    name = support.starts()
    (message,) = support.due()
    assert support.delivers(message, message) == 0
    assert support.delivers(message) == 0
    assert (support.progress(name)["resubmitted"], support.resubmitted) == (1, 1)
    assert support.due() == []


def test_two_bulk_retries_of_the_same_items_write_once(support: Support) -> None:
    """Each sync is retried by both, and its items are counted where they were resubmitted."""
    support.fails(_BUSY)
    both = [support.starts(), support.starts()]
    assert support.delivers(*support.due()) == 0
    found = [support.progress(each) for each in both]
    assert [each["state"] for each in found] == ["finished", "finished"]
    assert (sum(each["resubmitted"] for each in found), support.resubmitted) == (1, 1)
    assert [each["steps"] for each in found if not each["resubmitted"]] == [{Step.IN_PROGRESS: 1}]


def test_a_transaction_that_failed_in_several_syncs_is_resubmitted_once(support: Support) -> None:
    """As planned, even if it fails again before the other syncs' turn."""
    first = support.fails(_BUSY)
    support.retries_in_vain(first)
    assert support.resubmitted == 1
    assert (support.plans()["syncs"], support.plans()["resubmitted"]) == (1, 1)
    name = support.starts()
    one, other = support.due()
    assert support.delivers(one) == 0
    support.settles_latest()
    assert support.delivers(other) == 0
    assert (support.progress(name)["state"], support.progress(name)["resubmitted"]) == ("finished", 1)
    assert support.resubmitted == 2
    again = support.starts()
    assert support.delivers(*support.due()) == 0
    assert (support.progress(again)["resubmitted"], support.resubmitted) == (1, 3)


def test_dismissed_syncs_are_left_out(support: Support) -> None:
    """What somebody has entered by hand would be in the books twice. Also if it is dismissed after the start."""
    before, meanwhile, open_one = (support.fails(_BUSY) for _ in range(3))
    support.dismisses(before)
    assert (support.plans()["syncs"], support.plans()["resubmitted"]) == (2, 2)
    name = support.starts()
    messages = support.due()
    assert {json.loads(each)["syncId"] for each in messages} == {meanwhile, open_one}
    support.dismisses(meanwhile)
    assert support.delivers(*messages) == 0
    assert (support.progress(name)["state"], support.progress(name)["resubmitted"]) == ("finished", 1)
    assert support.resubmitted == 1


def test_stopping_skips_the_syncs_that_are_not_retried_yet(support: Support) -> None:
    """Also those whose messages are on the queue already."""
    for _ in range(3):
        support.fails(_BUSY)
    name = support.starts()
    first, *others = support.due()
    assert support.delivers(first) == 0
    stopped = support.asks("POST", f"/bulk-retries/{name}/stop")
    assert (stopped["statusCode"], stopped["state"]) == (200, "stopped")
    assert stopped["stoppedBy"].startswith("everybody")
    assert support.delivers(*others) == 0
    assert support.progress(name)["syncsByState"] == {"retried": 1, "skipped": 2}
    assert (support.progress(name)["resubmitted"], support.resubmitted, support.due()) == (1, 1, [])


def test_the_audit_says_who_retried_what(support: Support) -> None:
    """Who started and stopped it, and, for each sync, which transactions were retried."""
    sync_id = support.fails(_BUSY)
    name = support.starts(cause=_BUSY_ID)
    support.delivers(*support.due())
    support.asks("POST", f"/bulk-retries/{name}/stop")
    entries = support.asks("GET", "/audit")["entries"]
    assert [(each["action"], each["syncId"]) for each in entries] == [
        ("stopBulkRetry", None),
        ("retry", sync_id),
        ("bulkRetry", None),
    ]
    assert (entries[-1]["details"]["cause"], entries[-1]["details"]["bulkRetryId"]) == (_BUSY_ID, name)
    assert {each["actor"] for each in entries} == {"everybody: authentication is off (everybody)"}


def test_a_finished_bulk_retry_can_not_be_stopped(support: Support) -> None:
    """What is finished stays so."""
    support.fails(_BUSY)
    name = support.starts()
    support.delivers(*support.due())
    assert support.asks("POST", f"/bulk-retries/{name}/stop")["state"] == "finished"
    assert support.asks("POST", "/bulk-retries/nothing/stop")["statusCode"] == 404


def test_after_a_crash_the_items_that_were_resubmitted_are_counted_and_not_sent_again(
    support: Support, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The crash comes between Codat's response and the record of the progress."""
    support.fails(_BUSY, _BUSY)
    name = support.starts()
    (message,) = support.due()
    with monkeypatch.context() as patch:
        patch.setattr(BulkRetryRepository, "settle", _crash)
        assert support.delivers(message) == 1
    assert (support.progress(name)["state"], support.resubmitted) == ("running", 2)
    assert support.delivers(message) == 0
    after = support.progress(name)
    assert (after["state"], after["resubmitted"], after["steps"]) == ("finished", 2, {})
    assert support.resubmitted == 2


def test_a_sync_whose_retry_crashes_each_time_is_given_up(support: Support, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be enqueued again forever."""
    support.fails(_BUSY)
    name = support.starts()
    (message,) = support.due()
    with monkeypatch.context() as patch:
        patch.setattr(BulkRetryRepository, "settle", _crash)
        assert [support.delivers(message) for _ in range(5)] == [1] * 5
    assert support.delivers(message) == 0
    assert (support.progress(name)["state"], support.progress(name)["syncsByState"]) == ("finished", {"failed": 1})
    assert support.resubmitted == 1


def test_a_crash_while_syncs_are_selected_is_continued_by_the_clock(
    support: Support, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was selected and retried before the crash is kept as it is."""
    for _ in range(2):
        support.fails(_BUSY)
    monkeypatch.setattr("codat_sync.bulk_retries.service.LEASE", 0 * LEASE)
    with monkeypatch.context() as patch:
        patch.setattr(BulkRetryRepository, "save_selection", _crash)
        assert support.asks("POST", "/bulk-retries", {})["statusCode"] == 503
    messages = support.due()
    steps = {json.loads(each)["syncId"]: each for each in messages}
    assert len(steps) == 3
    selecting = steps.pop(None)
    assert support.delivers(*steps.values()) == 0
    (found,) = support.asks("GET", "/bulk-retries")["bulkRetries"]
    assert (found["state"], found["isSelected"], found["syncsByState"]) == ("running", False, {"retried": 2})
    assert support.delivers(selecting) == 0
    after = support.progress(found["bulkRetryId"])
    assert (after["state"], after["isSelected"], after["syncsByState"]) == ("finished", True, {"retried": 2})
    assert (after["resubmitted"], support.resubmitted, support.due()) == (2, 2, [])


def test_a_plan_says_how_far_it_goes(support: Support, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run is not limited to what was planned."""
    for _ in range(2):
        support.fails(_BUSY, _BUSY)
    monkeypatch.setattr("codat_sync.bulk_retries.planning.MAX_PLANNED", 3)
    plan = support.plans()
    assert (plan["transactions"], plan["isTruncated"], plan["reachedTo"] is None) == (3, True, False)
    monkeypatch.setattr("codat_sync.bulk_retries.service.MAX_SYNCS", 1)
    found = support.progress(support.starts())
    assert (found["syncs"], found["isTruncated"]) == (1, True)


def test_senseless_requests_are_refused(support: Support) -> None:
    """With what is wrong."""
    senseless: list[object] = [{"cause": "x"}, {"from": "yesterday"}, {"companyId": "../.."}, {"colour": "red"}, []]
    senseless.append({"codes": [10**40]})  # more digits than DynamoDB's numbers have
    for body in senseless:
        assert support.asks("POST", "/bulk-retries", body)["statusCode"] == 400, body
    assert support.asks("GET", "/bulk-retries", query={"limit": "26"})["statusCode"] == 400
    assert support.asks("GET", "/audit")["entries"] == []


def _crash(*_arguments: object) -> None:
    raise RuntimeError("crash")
