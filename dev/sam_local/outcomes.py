"""Describe what an event led to: the function's answer, and its effects in queues, table and event bus.

The expected and the actual outcome are described in the same words, and then compared. An answer is JSON; a function
that did not answer has no outcome (`Invocation.answer`).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from codat_sync.core.identifiers import is_identifier
from dev.stored_events import SYNC_ID, TRANSACTION_IDS

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

    from codat_sync.syncs.repository import SyncRepository
    from dev.local_stack.bus_subscriber import Subscriber

_MAX_SHOWN = 200
_NO_FAILURES: dict[str, list[object]] = {"batchItemFailures": []}


@dataclass(frozen=True)
class ObservableEffects:
    """Queues, table and subscriber in which the effects of the functions are visible."""

    sqs: "SQSClient"
    queue_url: str
    dead_letter_queue_url: str
    store: "SyncRepository"
    subscriber: "Subscriber"


def observe_received(answer: object, effects: ObservableEffects) -> str:
    """Describe the receiver's answer; receives what is on SyncQueue."""
    messages = _take(effects.sqs, effects.queue_url)
    status = answer.get("statusCode") if isinstance(answer, dict) else answer
    return describe_received(status, [json.loads(message["Body"])["webhookId"] for message in messages])


def describe_received(status: object, webhook_ids: list[str]) -> str:
    """Describe a receiver's answer with the webhooks that it enqueued."""
    return f"answered {status}, {', '.join(webhook_ids) or 'nothing'} on SyncQueue"


def observe_worked(webhook_ids: set[str], answer: object, effects: ObservableEffects) -> str:
    """Describe the worker's answer to a batch with these webhooks; receives what is on the dead-letter queue."""
    messages = _take(effects.sqs, effects.dead_letter_queue_url)
    reasons = [message["MessageAttributes"]["reason"]["StringValue"] for message in messages]
    document = effects.store.load_sync(SYNC_ID)
    stored = {item.transaction_id for item in document.items} if document else set()
    seen = set(effects.store.load_processed_event_ids(SYNC_ID)) if stored == set(TRANSACTION_IDS) else set()
    return describe_worked(answer, reasons, seen & webhook_ids)


def describe_worked(answer: object, reasons: list[str], stored: set[str]) -> str:
    """Describe a worker's answer with the reasons of its dead letters and the webhooks that it stored."""
    if answer != _NO_FAILURES:
        return describe_answer(answer)
    words = [f"dead letters: {', '.join(sorted(reasons))}"] if reasons else []
    words += [f"in SyncTable: {', '.join(sorted(stored))}"] if stored else []
    return ", ".join(["answered no failures", *words])


def observe_published(answer: object, effects: ObservableEffects) -> str:
    """Describe publish's answer; receives the events of the subscriber."""
    effects.subscriber.events_by_id.clear()
    return describe_published([event["detail-type"] for event in effects.subscriber.receive_events().values()], answer)


def describe_published(types: list[str], answer: object = _NO_FAILURES) -> str:
    """Describe publish's answer with the types of the events that it published."""
    answered = "answered no failures" if answer == _NO_FAILURES else describe_answer(answer)
    return f"{answered}, published: {', '.join(sorted(types))}"


def observe_fields(expected: Mapping[str, Any], answer: object, _effects: ObservableEffects) -> str:
    """Describe the fields of an answer that are expected: the others vary."""
    return describe_answer(_select(expected, answer))


def observe_json(expected: Mapping[str, Any], answer: object, _effects: ObservableEffects) -> str:
    """Describe an HTTP response: its status, and the fields of its JSON body that are expected."""
    return describe_answer(_select(expected, _read_response(answer)))


def observe_submitted(expected: Mapping[str, Any], answer: object, _effects: ObservableEffects) -> str:
    """Describe submit's response: its status, and whether it names the sync, whose id varies."""
    response = _read_response(answer)
    if isinstance(response, dict):
        response["hasSyncId"] = is_identifier(response.get("syncId"))
    return describe_answer(_select(expected, response))


def observe_retried(expected: Mapping[str, Any], answer: object, _effects: ObservableEffects) -> str:
    """Describe retry's answer to any of its callers: its status, and the step of each transaction."""
    report = _read_response(answer)
    if isinstance(report, dict) and isinstance(report.get("transactions"), list):
        report["steps"] = {each["transactionId"]: each["step"] for each in report["transactions"]}
    return describe_answer(_select(expected, report))


def describe_answer(answer: object) -> str:
    """Describe an answer as JSON, shortened."""
    return f"answered {json.dumps(answer, sort_keys=True)[:_MAX_SHOWN]}"


def _read_response(answer: object) -> object:
    """Return the JSON object in an HTTP response with its ``statusCode``; any other answer as it is."""
    if not isinstance(answer, dict) or "statusCode" not in answer:
        return answer
    try:
        body = json.loads(answer.get("body") or "null")
    except ValueError:
        return answer
    return {**body, "statusCode": answer["statusCode"]} if isinstance(body, dict) else answer


def _select(expected: object, actual: object) -> object:
    """Return the part of ``actual`` that ``expected`` has the shape of; what has another shape as it is."""
    if isinstance(expected, dict) and isinstance(actual, dict) and expected.keys() <= actual.keys():
        return {name: _select(value, actual[name]) for name, value in expected.items()}
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        return [_select(*pair) for pair in zip(expected, actual, strict=True)]
    return actual


def _take(sqs: "SQSClient", url: str) -> "list[MessageTypeDef]":
    """Receive and delete all messages of a queue."""
    taken: list[MessageTypeDef] = []
    while received := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]).get(
        "Messages"
    ):
        for message in received:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        taken += received
    return taken
