"""The expectations of `make sam-local`: the real handlers meet them, and nothing else does."""

import boto3
import pytest

from codat_sync.syncs.repository import SyncRepository
from dev.local_stack.bus_subscriber import Subscriber
from dev.sam_local.events import (
    Event,
    clock_events,
    health_events,
    index_events,
    publish_events,
    receiver_events,
    reconcile_events,
    retry_events,
    submit_events,
    worker_events,
)
from dev.sam_local.outcomes import ObservableEffects
from tests.support.aws import API_KEY, SIGNING_SECRET, Aws
from tests.support.handlers import StartFunction

_EVENTS = [
    *clock_events(),
    *reconcile_events(),
    *submit_events(API_KEY),
    *receiver_events(SIGNING_SECRET),
    *worker_events(),
    *retry_events(),
    *health_events(),
    *index_events(),
]
# Answers of a function or its container that are none.
_WRONG: list[object] = [
    None,
    "",
    [],
    {},
    {"errorMessage": "Task timed out after 10.00 seconds"},
    {"statusCode": 500, "body": '{"message": "Internal Server Error"}'},
    {"statusCode": 404, "body": '{"title": "There is no such sync"}'},
    {"statusCode": 200, "body": "<html>"},
    {"statusCode": 200, "body": "{}"},
    {"statusCode": 200, "body": '{"transactions": []}'},
    {"batchItemFailures": [{"itemIdentifier": "059f36b4-87a3-44ab-83d2-661970000030"}]},
]


@pytest.fixture
def effects(aws: Aws, store: SyncRepository) -> ObservableEffects:
    """Return moto's queues and table."""
    queue_url, dead_letter_queue_url = (aws.environment[f"SYNC_{name}QUEUE_URL"] for name in ("", "DEAD_LETTER_"))
    subscriber = Subscriber(boto3.client("sqs"), aws.sqs.create_queue(QueueName="subscriber")["QueueUrl"])
    return ObservableEffects(aws.sqs, queue_url, dead_letter_queue_url, store, subscriber)


def test_the_handlers_meet_the_expectations(start: StartFunction, effects: ObservableEffects) -> None:
    """In the order of `make sam-local`: the worker stores the sync that the others are asked about."""
    handlers = {name: start(name.removesuffix("Function").lower()) for name in {event.function for event in _EVENTS}}
    for event in _EVENTS:
        answer = handlers[event.function]({**event.payload, "remaining_ms": 300_000})
        assert event.observe(answer, effects) == event.expected


@pytest.mark.parametrize("event", [*_EVENTS, *publish_events()], ids=lambda event: f"{event.function}-{event.name}")
def test_nothing_else_meets_them(event: Event, effects: ObservableEffects) -> None:
    """Neither no answer, nor that of a function which fails, nor one with less in it."""
    assert [wrong for wrong in _WRONG if event.observe(wrong, effects) == event.expected] == []
