"""What the clock does each minute: what is due is enqueued, each item once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import compress
from typing import TYPE_CHECKING

from codat_sync.errors import QueueUnavailableError
from codat_sync.instant import parse_instant
from codat_sync.quota import Closure

if TYPE_CHECKING:
    from codat_sync.due import DueItem, DueItems
    from codat_sync.gate import SharedGate
    from codat_sync.queues import RetryQueue, SyncQueue

# More than the workers do in a minute, so that they never run dry; not so many that what was put off comes again before
# they have got to it.
_MOST = 500
_LEASES_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Ticked:
    """What the clock found: how many items it enqueued, how late the first one was, and why the gate is closed."""

    enqueued: int
    lateness: timedelta
    closure: Closure | None


@dataclass(frozen=True, slots=True)
class Queues:
    """Where the clock puts what is due."""

    sync: "SyncQueue"
    retry: "RetryQueue"


def tick(due: "DueItems", queues: Queues, gate: "SharedGate", now: Callable[[], datetime]) -> Ticked:
    """Enqueue what is due, while the gate is open: a closed one would only put it down again.

    An item is put off before it is enqueued: so two clocks enqueue it once, and a crash in between costs no more than
    that time. Raises QueueUnavailableError, and what DynamoDB raises.
    """
    closure = gate.state.closed(now())
    if closure:
        return Ticked(0, timedelta(), closure)
    items = due.load(now(), _MOST)
    with ThreadPoolExecutor(_LEASES_AT_ONCE) as pool:
        is_ours = pool.map(lambda item: due.lease(item, now()), items)
        leased = list(compress(items, is_ours))
    messages = [item.message for item in leased]
    taken = queues.sync.send_all([each for each in messages if each["kind"] == "check"])
    taken += queues.retry.send_all([each for each in messages if each["kind"] == "retry"])
    if taken < len(messages):
        # The others are due again when what puts them off has passed.
        raise QueueUnavailableError(f"the queues took {taken} of {len(messages)} messages")
    return Ticked(len(leased), _lateness(leased, now()), None)


def _lateness(items: "list[DueItem]", now: datetime) -> timedelta:
    due = [moment for item in items if (moment := parse_instant(item.due_at))]
    return max((now - moment for moment in due), default=timedelta())
