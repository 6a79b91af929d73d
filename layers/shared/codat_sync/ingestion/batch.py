"""A batch of messages: what is about the same is one piece of work, and all pieces go on side by side."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, Future
from contextvars import copy_context
from dataclasses import dataclass
from typing import Generic, TypeVar

from codat_sync.core.errors import PoisonError
from codat_sync.ingestion.inbox import read_message
from codat_sync.ingestion.tasks import News, interpret, subject

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Received:
    """A message as the queue hands it out; ``receives`` is how often it has."""

    message_id: str
    body: str
    receives: int


@dataclass(frozen=True, slots=True)
class Task(Generic[T]):
    """What came of a message, or will: ``news`` is None if it can't be understood."""

    news: News | None
    outcome: "Future[T]"


def start(messages: Iterable[Received], work: Callable[[Sequence[News], int], T], pool: Executor) -> dict[str, Task[T]]:
    """Return, for the id of each of ``messages``, its task.

    Messages about the same share one outcome. Of one that can't be understood it is a PoisonError.
    """
    tasks: dict[str, Task[T]] = {}
    groups: dict[object, list[tuple[Received, News]]] = {}
    for message in messages:
        try:
            news = interpret(read_message(message.body))
        except PoisonError as poison:
            failed: Future[T] = Future()
            failed.set_exception(poison)
            tasks[message.message_id] = Task(None, failed)
        else:
            groups.setdefault(subject(news), []).append((message, news))
    for group in groups.values():
        news_of_group, receives = [news for _, news in group], max(message.receives for message, _ in group)
        # Of this run, whoever's thread it is (``run``).
        outcome = pool.submit(copy_context().run, work, news_of_group, receives)
        tasks |= {message.message_id: Task(news, outcome) for message, news in group}
    return tasks
