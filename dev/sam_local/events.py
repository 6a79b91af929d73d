"""The events that `make sam-local` sends to the functions, with the expected outcome of each."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from dev.sam_local.outcomes import (
    ObservableEffects,
    describe_answer,
    describe_published,
    describe_received,
    describe_worked,
    observe_fields,
    observe_json,
    observe_published,
    observe_received,
    observe_retried,
    observe_submitted,
    observe_worked,
)
from dev.stored_events import (
    CLOCK_ANSWERS,
    EVENTS,
    HEALTH_ANSWERS,
    INDEX_ANSWERS,
    PAYLOADS,
    PUBLISH_EVENTS,
    RECEIVER_ANSWERS,
    RECONCILE_ANSWERS,
    RETRY_ANSWERS,
    SUBMIT_ANSWERS,
    UNSIGNED,
    WORKER_REASONS,
    Payload,
    load,
    signed,
)
from ops.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Mapping

# Their messages concern no sync, so they leave nothing in the table.
_EVENTS_WITHOUT_SYNC = {"check", "connection-disconnected", "not-ours", "poison"}


@dataclass(frozen=True)
class Event:
    """A payload for a function. ``observe`` describes the outcome of its answer in the words of ``expected``.

    ``sign`` signs a webhook when it is sent.
    """

    function: str
    name: str
    stored: Payload
    expected: str
    observe: Callable[[object, ObservableEffects], str]
    sign: Callable[[Payload], Payload] | None = None

    @property
    def payload(self) -> Payload:
        """The payload to send now: a signature expires after five minutes, and other events may take longer."""
        return self.sign(self.stored) if self.sign else self.stored


def receiver_events(signing_secret: str) -> list[Event]:
    """Return the webhooks as API Gateway passes them to the receiver."""
    return [_receiver_event(name, status, signing_secret) for name, status in RECEIVER_ANSWERS.items()]


def _receiver_event(name: str, status: int, signing_secret: str) -> Event:
    webhook_id = f"msg_{name}"
    expected = describe_received(status, [webhook_id] if status == HTTPStatus.ACCEPTED else [])
    sign = None if name == UNSIGNED else partial(signed, signing_secret=signing_secret, webhook_id=webhook_id)
    return Event("ReceiverFunction", name, load("receiver", name), expected, observe_received, sign)


def worker_events() -> list[Event]:
    """Return the batches of messages as SQS passes them to the worker."""
    return [_worker_event(name, reasons) for name, reasons in WORKER_REASONS.items()]


def _worker_event(name: str, reasons: list[str]) -> Event:
    payload = load("worker", name)
    bodies = (record["body"] for record in payload["Records"])
    messages = [json.loads(body) for body in bodies if body.startswith("{")]
    webhook_ids = {message["webhookId"] for message in messages if "webhookId" in message}
    stored = set() if name in _EVENTS_WITHOUT_SYNC else webhook_ids
    expected = describe_worked({"batchItemFailures": []}, reasons, stored)
    return Event("WorkerFunction", name, payload, expected, partial(observe_worked, webhook_ids))


def publish_events() -> list[Event]:
    """Return the records of the table's stream as Lambda passes them to publish."""
    return [
        Event("PublishFunction", name, load("publish", name), describe_published(types), observe_published)
        for name, types in PUBLISH_EVENTS.items()
    ]


def clock_events() -> list[Event]:
    """Return EventBridge's event of each minute for the clock."""
    return _answered("clock", CLOCK_ANSWERS, observe_fields)


def reconcile_events() -> list[Event]:
    """Return EventBridge's event of every five minutes for reconcile, whose other counts vary."""
    return _answered("reconcile", RECONCILE_ANSWERS, observe_fields)


def submit_events(api_key: str) -> list[Event]:
    """Return a product's requests as API Gateway passes them to submit, with the key that is good here."""
    events = _answered("submit", SUBMIT_ANSWERS, observe_submitted)
    for event in events:
        event.stored["headers"]["authorization"] = f"Basic {base64.b64encode(api_key.encode()).decode()}"
    return events


def retry_events() -> list[Event]:
    """Return requests to retry the stored sync's failed transaction, whose body is not recorded."""
    return _answered("retry", RETRY_ANSWERS, observe_retried)


def health_events() -> list[Event]:
    """Return requests to Sync Health about the stored sync."""
    return _answered("health", HEALTH_ANSWERS, observe_json)


def index_events() -> list[Event]:
    """Return the records of the table's stream as Lambda passes them to index."""
    return _answered("index", INDEX_ANSWERS, observe_fields)


def _answered(
    function: str, answers: "Mapping[str, Any]", observe: Callable[[Any, object, ObservableEffects], str]
) -> list[Event]:
    """Return the events of a function whose whole outcome is its answer."""
    return [
        Event(
            f"{function.capitalize()}Function",
            name,
            load(function, name),
            describe_answer(answer),
            partial(observe, answer),
        )
        for name, answer in answers.items()
    ]


def check_expectations_complete() -> None:
    """Raise CommandError if a stored event has no expectation, or an expectation no event."""
    stored = {path.relative_to(EVENTS).with_suffix("").as_posix() for path in EVENTS.rglob("*.*")}
    expected = {f"{function}/{name}" for function, names in PAYLOADS.items() for name in names}
    if unmatched := stored ^ expected:
        raise CommandError(f"events/ and dev/stored_events.py do not agree on {', '.join(sorted(unmatched))}.")
