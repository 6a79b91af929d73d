"""The events that `make sam-local` sends to the functions, with the expected outcome of each."""

import base64
import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, ClassVar

from dev.stored_events import (
    CLOCK_ANSWERS,
    EVENTS,
    PAYLOADS,
    PUBLISH_EVENTS,
    RECEIVER_ANSWERS,
    RECONCILE_ANSWERS,
    SYNC_ID,
    TRANSACTION_IDS,
    UNSIGNED,
    WORKER_REASONS,
    Payload,
    load,
    signed,
)
from ops.errors import CommandError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

    from codat_sync.syncs.repository import SyncRepository
    from dev.local_stack.bus_subscriber import Subscriber

# Their messages concern no sync, so they leave nothing in the table.
_EVENTS_WITHOUT_SYNC = {"check", "connection-disconnected", "not-ours", "poison"}


@dataclass(frozen=True)
class ObservableEffects:
    """Queues, table and subscriber in which the effects of the functions are visible."""

    sqs: "SQSClient"
    queue_url: str
    dead_letter_queue_url: str
    store: "SyncRepository"
    subscriber: "Subscriber"


@dataclass(frozen=True)
class ReceiverEvent:
    """A webhook, as API Gateway passes it to the receiver."""

    function: ClassVar = "ReceiverFunction"
    name: str
    payload: Payload
    webhook_id: str

    @property
    def expected(self) -> str:
        """The expected outcome, in words."""
        status = RECEIVER_ANSWERS[self.name]
        return _describe_received(status, [self.webhook_id] if status == HTTPStatus.ACCEPTED else [])

    def outcome(self, answer: object, effects: ObservableEffects) -> str:
        """Return the actual outcome, in the same words; receives what is on SyncQueue."""
        messages = take(effects.sqs, effects.queue_url)
        status = answer.get("statusCode") if isinstance(answer, dict) else None
        return _describe_received(status, [json.loads(message["Body"])["webhookId"] for message in messages])


@dataclass(frozen=True)
class WorkerEvent:
    """A batch of messages, as SQS passes it to the worker."""

    function: ClassVar = "WorkerFunction"
    name: str
    payload: Payload

    @property
    def expected(self) -> str:
        """The expected outcome, in words."""
        seen = set() if self.name in _EVENTS_WITHOUT_SYNC else self._webhook_ids()
        return _describe_worked({"batchItemFailures": []}, WORKER_REASONS[self.name], seen)

    def outcome(self, answer: object, effects: ObservableEffects) -> str:
        """Return the actual outcome, in the same words; receives what is on the dead-letter queue."""
        messages = take(effects.sqs, effects.dead_letter_queue_url)
        reasons = [message["MessageAttributes"]["reason"]["StringValue"] for message in messages]
        document = effects.store.load_sync(SYNC_ID)
        stored = {item.transaction_id for item in document.items} if document else set()
        seen = set(effects.store.load_processed_event_ids(SYNC_ID)) if stored == set(TRANSACTION_IDS) else set()
        return _describe_worked(answer, reasons, seen & self._webhook_ids())

    def _webhook_ids(self) -> set[str]:
        bodies = (record["body"] for record in self.payload["Records"])
        messages = [json.loads(body) for body in bodies if body.startswith("{")]
        return {message["webhookId"] for message in messages if "webhookId" in message}


@dataclass(frozen=True)
class ClockEvent:
    """EventBridge's event of each minute for the clock."""

    function: ClassVar = "ClockFunction"
    name: str
    payload: Payload

    @property
    def expected(self) -> str:
        """The expected outcome, in words."""
        return f"answered {json.dumps(CLOCK_ANSWERS[self.name])}"

    def outcome(self, answer: object, _effects: ObservableEffects) -> str:
        """Return the actual outcome, in the same words."""
        return f"answered {json.dumps(answer)[:200]}"


@dataclass(frozen=True)
class ReconcileEvent:
    """EventBridge's event of every five minutes for reconcile."""

    function: ClassVar = "ReconcileFunction"
    name: str
    payload: Payload

    @property
    def expected(self) -> str:
        """The expected outcome, in words."""
        return f"answered {json.dumps(RECONCILE_ANSWERS[self.name])}"

    def outcome(self, answer: object, _effects: ObservableEffects) -> str:
        """Return the actual outcome, in the same words, without the number of companies that were due."""
        if not isinstance(answer, dict):
            return f"answered {json.dumps(answer)[:200]}"
        relevant = {name: answer.get(name) for name in RECONCILE_ANSWERS[self.name]}
        return f"answered {json.dumps(relevant)}"


@dataclass(frozen=True)
class SubmitEvent:
    """A request of a product, as API Gateway passes it to submit."""

    function: ClassVar = "SubmitFunction"
    name: str
    payload: Payload

    @property
    def expected(self) -> str:
        """The expected outcome, in words."""
        return "answered 200 with a sync"

    def outcome(self, answer: object, _effects: ObservableEffects) -> str:
        """Return the actual outcome, in the same words."""
        if not isinstance(answer, dict) or "syncId" not in answer.get("body", ""):
            return f"answered {json.dumps(answer)[:200]}"
        return f"answered {answer['statusCode']} with a sync"


@dataclass(frozen=True)
class RetryEvent:
    """A request to retry a sync's failed transactions, whose bodies are not recorded."""

    function: ClassVar = "RetryFunction"
    name: str
    payload: Payload

    @property
    def expected(self) -> str:
        """The expected outcome, in words."""
        return "planned, and nothing sent"

    def outcome(self, answer: object, _effects: ObservableEffects) -> str:
        """Return the actual outcome, in the same words."""
        text = json.dumps(answer)
        is_well = answer is None or "batchItemFailures" in text or "There is no such sync" in text
        return self.expected if is_well or "noBodyRecorded" in text else f"answered {text[:200]}"


@dataclass(frozen=True)
class HealthEvent:
    """A question to Sync Health. Whether the sync is there yet depends on what the worker has got to."""

    function: ClassVar = "HealthFunction"
    name: str
    payload: Payload

    @property
    def expected(self) -> str:
        """The expected outcome, in words."""
        return "answered in JSON"

    def outcome(self, answer: object, _effects: ObservableEffects) -> str:
        """Return the actual outcome, in the same words."""
        is_well = isinstance(answer, dict) and answer.get("statusCode") in {200, 404} and json.loads(answer["body"])
        return self.expected if is_well else f"answered {json.dumps(answer)[:200]}"


@dataclass(frozen=True)
class PublishEvent:
    """Records of the table's stream, as Lambda passes them to publish."""

    function: ClassVar = "PublishFunction"
    name: str
    payload: Payload

    @property
    def expected(self) -> str:
        """The expected outcome, in words."""
        return _describe_published({"batchItemFailures": []}, PUBLISH_EVENTS[self.name])

    def outcome(self, answer: object, effects: ObservableEffects) -> str:
        """Return the actual outcome, in the same words; receives the events of the subscriber."""
        effects.subscriber.events_by_id.clear()
        return _describe_published(
            answer, [event["detail-type"] for event in effects.subscriber.receive_events().values()]
        )


def publish_events() -> list[PublishEvent]:
    """Return all that are stored for publish."""
    return [PublishEvent(name, load("publish", name)) for name in PUBLISH_EVENTS]


def submit_events(api_key: str) -> list[SubmitEvent]:
    """Return all that are stored for submit, with the key that is good here."""
    credentials = base64.b64encode(api_key.encode()).decode()
    events = []
    for name in sorted(PAYLOADS["submit"]):
        payload = load("submit", name)
        payload["headers"]["authorization"] = f"Basic {credentials}"
        events.append(SubmitEvent(name, payload))
    return events


def retry_events() -> list[RetryEvent]:
    """Return all that are stored for retry."""
    return [RetryEvent(name, load("retry", name)) for name in sorted(PAYLOADS["retry"])]


def health_events() -> list[HealthEvent]:
    """Return all that are stored for health."""
    return [HealthEvent(name, load("health", name)) for name in sorted(PAYLOADS["health"])]


def receiver_events(signing_secret: str) -> list[ReceiverEvent]:
    """Return all that are stored for the receiver, signed just now."""
    events = []
    for name in RECEIVER_ANSWERS:
        payload, webhook_id = load("receiver", name), f"msg_{name}"
        if name != UNSIGNED:
            payload = signed(payload, signing_secret, webhook_id=webhook_id)
        events.append(ReceiverEvent(name, payload, webhook_id))
    return events


def worker_events() -> list[WorkerEvent]:
    """Return all that are stored for the worker."""
    return [WorkerEvent(name, load("worker", name)) for name in WORKER_REASONS]


def clock_events() -> list[ClockEvent]:
    """Return all that are stored for the clock."""
    return [ClockEvent(name, load("clock", name)) for name in CLOCK_ANSWERS]


def reconcile_events() -> list[ReconcileEvent]:
    """Return all that are stored for reconcile."""
    return [ReconcileEvent(name, load("reconcile", name)) for name in RECONCILE_ANSWERS]


def check_expectations_complete() -> None:
    """Raise CommandError if a stored event has no expectation, or an expectation no event."""
    stored = {path.relative_to(EVENTS).with_suffix("").as_posix() for path in EVENTS.rglob("*.*")}
    expected = {f"{function}/{name}" for function, names in PAYLOADS.items() for name in names}
    if unmatched := stored ^ expected:
        raise CommandError(f"events/ and dev/stored_events.py do not agree on {', '.join(sorted(unmatched))}.")


def take(sqs: "SQSClient", url: str) -> "list[MessageTypeDef]":
    """Receive and delete all messages of a queue."""
    taken: list[MessageTypeDef] = []
    while received := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]).get(
        "Messages"
    ):
        for message in received:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        taken += received
    return taken


def _describe_received(status: object, webhook_ids: list[str]) -> str:
    return f"answered {status}, {', '.join(webhook_ids) or 'nothing'} on SyncQueue"


def _describe_published(answer: object, facts: list[str]) -> str:
    failures = "no failures" if answer == {"batchItemFailures": []} else json.dumps(answer)[:200]
    return f"answered {failures}, published: {', '.join(sorted(facts))}"


def _describe_worked(answer: object, reasons: list[str], seen: set[str]) -> str:
    if answer != {"batchItemFailures": []}:
        return f"answered {json.dumps(answer)[:200]}"
    words = [f"dead letters: {', '.join(sorted(reasons))}"] if reasons else []
    words += [f"in SyncTable: {', '.join(sorted(seen))}"] if seen else []
    return ", ".join(["answered no failures", *words])
