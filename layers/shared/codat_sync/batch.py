"""A batch of messages: what announces the same sync is one piece of work, and all pieces go on side by side."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, Future

from codat_sync.errors import PoisonError
from codat_sync.inbox import read_message
from codat_sync.ingest import Announcement, Ingested, interpret


def start(
    messages: Iterable[tuple[str, str]],
    ingest: Callable[[Sequence[Announcement]], Ingested],
    pool: Executor,
) -> dict[str, "Future[Ingested | None]"]:
    """Return, for the id of each of ``messages`` (id and body), what will come of it: None if it is nothing of ours.

    Announcements of one sync share one future. A message that can't be understood has one that raises PoisonError.
    """
    outcomes: dict[str, Future[Ingested | None]] = {}
    announced: dict[tuple[str, str], dict[str, Announcement]] = {}
    for message_id, body in messages:
        try:
            announcement = interpret(read_message(body))
        except PoisonError as poison:
            outcomes[message_id] = Future()
            outcomes[message_id].set_exception(poison)
            continue
        if announcement is None:
            outcomes[message_id] = Future()
            outcomes[message_id].set_result(None)
        else:
            announced.setdefault((announcement.company_id, announcement.sync_id), {})[message_id] = announcement
    for group in announced.values():
        outcomes |= dict.fromkeys(group, pool.submit(ingest, list(group.values())))
    return outcomes
