"""What the clock does each minute: what is due is enqueued, each item once."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from codat_sync.core.errors import QueueUnavailableError
from codat_sync.core.timestamps import parse_timestamp
from codat_sync.rate_limits.quota import Closure

if TYPE_CHECKING:
    from codat_sync.messaging.queues import RetryQueue, SyncQueue
    from codat_sync.polling.due_items import DueItem, DueItemRepository
    from codat_sync.rate_limits.gate import SharedGate

# So many at most wait on the queue: more than the workers do in a minute, so that they never run dry; not so many that
# what was put off comes again before they have got to it.
_MOST = 500
_LEASES_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class DispatchResult:
    """What the clock found: how many items it enqueued, how late the first one was, and why the gate is closed."""

    enqueued: int
    lateness: timedelta
    closure: Closure | None


@dataclass(frozen=True, slots=True)
class DispatchQueues:
    """Where the clock puts what is due."""

    sync: "SyncQueue"
    retry: "RetryQueue"


def dispatch_due_items(
    due: "DueItemRepository", queues: DispatchQueues, gate: "SharedGate", now: Callable[[], datetime]
) -> DispatchResult:
    """Enqueue what is due, while the gate is open: a closed one would only put it down again.

    An item is put off before it is enqueued: so two clocks enqueue it once, and a crash in between costs no more than
    that time. Raises QueueUnavailableError, and what DynamoDB raises.
    """
    state = gate.state
    if closure := state.closure_at(now()):
        return DispatchResult(0, timedelta(), closure)
    # Opened by its time it keeps what closed it; opened by an event it does not.
    is_opened_early = state.closure is None
    items = due.load(now(), max(0, _MOST - queues.sync.depth()), is_opened_early=is_opened_early)
    leased, failure = _leased(due, items, now)
    messages = [item.message for item in leased]
    taken = queues.sync.send_all([each for each in messages if each["kind"] == "check"])
    taken += queues.retry.send_all([each for each in messages if each["kind"] == "retry"])
    if failure:
        raise failure  # Only now: what was put off has to be enqueued.
    if taken < len(leased):
        # The others are due again when what puts them off has passed.
        raise QueueUnavailableError(f"the queues took {taken} of {len(messages)} messages")
    return DispatchResult(len(leased), _lateness(leased, now()), None)


def _leased(
    due: "DueItemRepository", items: "Sequence[DueItem]", now: Callable[[], datetime]
) -> "tuple[list[DueItem], BaseException | None]":
    """Put ``items`` off; returns those that are ours to enqueue, and what went wrong with another one."""
    with ThreadPoolExecutor(_LEASES_AT_ONCE) as pool:
        attempts = [(item, pool.submit(due.lease, item, now())) for item in items]
    failures = [attempt.exception() for _, attempt in attempts if attempt.exception()]
    leased = [item for item, attempt in attempts if not attempt.exception() and attempt.result()]
    return leased, next(iter(failures), None)


def _lateness(items: "list[DueItem]", now: datetime) -> timedelta:
    due = [moment for item in items if (moment := parse_timestamp(item.due_at))]
    return max((now - moment for moment in due if moment < now), default=timedelta())
