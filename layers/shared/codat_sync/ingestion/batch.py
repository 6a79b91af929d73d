"""Process a batch of messages: group them by subject, and work on the groups concurrently."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, Future
from contextvars import copy_context
from dataclasses import dataclass
from typing import Generic, TypeVar

from codat_sync.core.errors import PoisonMessageError
from codat_sync.ingestion.tasks import Task, get_subject, parse_task

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """A message of the queue; ``receive_count`` is how often it was delivered."""

    message_id: str
    body: str
    receive_count: int


@dataclass(frozen=True, slots=True)
class PendingResult(Generic[T]):
    """The result of a message, once available. ``task`` is None if the message can't be parsed."""

    task: Task | None
    outcome: "Future[T]"


def start(
    messages: Iterable[ReceivedMessage], work: Callable[[Sequence[Task], int], T], pool: Executor
) -> dict[str, PendingResult[T]]:
    """Start the work on ``messages``, and return the pending results by message id.

    Messages with the same subject share one result. That of a message that can't be parsed is a PoisonMessageError.
    """
    pending: dict[str, PendingResult[T]] = {}
    groups: dict[object, list[tuple[ReceivedMessage, Task]]] = {}
    for message in messages:
        try:
            task = parse_task(message.body)
        except PoisonMessageError as poison:
            failed: Future[T] = Future()
            failed.set_exception(poison)
            pending[message.message_id] = PendingResult(None, failed)
        else:
            groups.setdefault(get_subject(task), []).append((message, task))
    for group in groups.values():
        tasks_of_group, receive_count = [task for _, task in group], max(message.receive_count for message, _ in group)
        # Copy the context, so that this invocation's deadline applies in the pool's threads.
        outcome = pool.submit(copy_context().run, work, tasks_of_group, receive_count)
        pending |= {message.message_id: PendingResult(task, outcome) for message, task in group}
    return pending
