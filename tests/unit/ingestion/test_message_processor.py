"""What happens to each message of a batch, whatever its neighbours do."""

import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING, Any, cast

import pytest
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from codat_sync.core.errors import CodatUnavailableError, PoisonMessageError
from codat_sync.ingestion.message_processor import MessageProcessor
from codat_sync.ingestion.results import Change, OtherResult
from codat_sync.ingestion.tasks import PartCleanupTask, Task

if TYPE_CHECKING:
    from codat_sync.ingestion.dispatcher import TaskDispatcher
    from codat_sync.messaging.queues import DeadLetterQueue, MessageVisibility


class Dispatcher:
    """Fails with the error of a task's sync, if there is one."""

    def __init__(self) -> None:
        self.errors: dict[str, Exception] = {}
        self.may_end = Event()
        self.may_end.set()

    def dispatch(self, tasks: Sequence[Task], _: int) -> OtherResult:
        (task,) = tasks
        assert isinstance(task, PartCleanupTask)
        self.may_end.wait(10)
        if error := self.errors.get(task.sync_id):
            raise error
        return OtherResult(Change.COMMITTED)


class Queues:
    """The dead-letter queue and the visibility of messages."""

    def __init__(self) -> None:
        self.dead: list[tuple[str, str | None, str]] = []
        self.postponed: list[tuple[str, int]] = []

    def send(self, body: str, group: str | None, poison: PoisonMessageError) -> None:
        self.dead.append((body, group, poison.reason))

    def postpone(self, receipt_handle: str, seconds: int) -> None:
        self.postponed.append((receipt_handle, seconds))


@pytest.fixture
def dispatcher() -> Dispatcher:
    """Return a dispatcher without errors."""
    return Dispatcher()


@pytest.fixture
def queues() -> Queues:
    """Return empty queues."""
    return Queues()


@pytest.fixture
def processor(dispatcher: Dispatcher, queues: Queues) -> Iterator[MessageProcessor]:
    """Return a processor of two messages at a time."""
    with ThreadPoolExecutor(2) as pool:
        yield MessageProcessor(
            cast("TaskDispatcher", dispatcher),
            cast("DeadLetterQueue", queues),
            cast("MessageVisibility", queues),
            pool,
        )
        dispatcher.may_end.set()


def _record(sync_id: str, body: str | None = None, receive_count: int = 1) -> dict[str, Any]:
    check = {"v": 1, "kind": "check", "companyId": "c", "syncId": sync_id, "partRunId": "r", "version": None}
    return {
        "messageId": f"message-{sync_id}",
        "receiptHandle": f"handle-{sync_id}",
        "body": body or json.dumps(check | {"correlationId": ""}),
        "attributes": {"ApproximateReceiveCount": str(receive_count), "MessageGroupId": "group"},
    }


def _finish(processor: MessageProcessor, *records: dict[str, Any], seconds: float = 10) -> list[type[Exception] | None]:
    """Process ``records``; returns the type of each one's error."""
    batch = processor.start(records, time.monotonic() + seconds)
    errors: list[type[Exception] | None] = []
    for record in records:
        try:
            batch.finish(SQSRecord(record))
        except Exception as error:  # noqa: BLE001 - as Powertools does
            errors.append(type(error))
        else:
            errors.append(None)
    return errors


def test_each_message_fails_alone(processor: MessageProcessor, dispatcher: Dispatcher, queues: Queues) -> None:
    """Neighbours of any failure succeed."""
    dispatcher.errors = {
        "down": CodatUnavailableError("503"),
        "bug": KeyError("x"),
        "poison": PoisonMessageError("r", "d"),
    }
    names = ["one", "down", "two", "bug", "three", "poison", "four"]
    records = [_record(name) for name in names] + [_record("invalid", body="{}")]
    assert _finish(processor, *records) == [None, CodatUnavailableError, None, KeyError, None, None, None, None]
    assert [(group, reason) for _, group, reason in queues.dead] == [("group", "r"), ("group", "invalid-message")]
    assert [handle for handle, _ in queues.postponed] == ["handle-down"]


@pytest.mark.parametrize(("receive_count", "shortest"), [(1, 5), (2, 10), (3, 20), (4, 40)])
def test_a_message_that_codat_failed_is_redelivered_later_each_time(
    processor: MessageProcessor, dispatcher: Dispatcher, queues: Queues, receive_count: int, shortest: int
) -> None:
    """In seconds, with jitter."""
    dispatcher.errors = {"down": CodatUnavailableError("503")}
    assert _finish(processor, _record("down", receive_count=receive_count)) == [CodatUnavailableError]
    ((_, seconds),) = queues.postponed
    assert shortest <= seconds <= 3 * shortest


def test_a_message_that_takes_too_long_is_redelivered(
    processor: MessageProcessor, dispatcher: Dispatcher, queues: Queues
) -> None:
    """The function reports it before its own time-out."""
    dispatcher.may_end.clear()
    assert _finish(processor, _record("slow"), seconds=0) == [TimeoutError]
    assert [handle for handle, _ in queues.postponed] == ["handle-slow"]


def test_a_letter_is_the_unmodified_message(processor: MessageProcessor, queues: Queues) -> None:
    """So that it can be redriven after a fix."""
    _finish(processor, _record("invalid", body="not JSON: \u00e4"))
    assert [body for body, _, _ in queues.dead] == ["not JSON: \u00e4"]
