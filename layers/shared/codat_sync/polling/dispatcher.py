"""Enqueue all due items, each once. The clock does so every minute."""

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

# Maximum queue depth: more than the workers process in a minute, so that they never idle, but few enough to be
# processed before their leases expire.
_MAX_ITEMS = 500
_LEASES_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class DispatchResult:
    """The number of enqueued items, the lateness of the oldest one, and the gate's closure, if any."""

    enqueued: int
    lateness: timedelta
    closure: Closure | None


@dataclass(frozen=True, slots=True)
class DispatchQueues:
    """The queues for due items."""

    sync: "SyncQueue"
    retry: "RetryQueue"


def dispatch_due_items(
    due: "DueItemRepository", queues: DispatchQueues, gate: "SharedGate", now: Callable[[], datetime]
) -> DispatchResult:
    """Enqueue due items while the gate is open: behind a closed gate they would only be deferred again.

    An item is leased before it is enqueued: concurrent clocks enqueue it once, and a crash in between delays it by no
    more than the lease. Raises QueueUnavailableError and DynamoDB's errors.
    """
    state = gate.state
    if closure := state.closure_at(now()):
        return DispatchResult(0, timedelta(), closure)
    # A gate whose closure expired keeps the closure; a gate opened by an event does not.
    is_opened_early = state.closure is None
    items = due.load(now(), max(0, _MAX_ITEMS - queues.sync.depth()), is_opened_early=is_opened_early)
    leased, failure = _lease_items(due, items, now)
    messages = [item.message for item in leased]
    taken = queues.sync.send_all([each for each in messages if each["kind"] == "check"])
    taken += queues.retry.send_all([each for each in messages if each["kind"] != "check"])
    if failure:
        raise failure  # Only now: the leased items had to be enqueued first.
    if taken < len(leased):
        # The others are due again when their leases expire.
        raise QueueUnavailableError(f"the queues accepted {taken} of {len(messages)} messages")
    return DispatchResult(len(leased), _lateness(leased, now()), None)


def _lease_items(
    due: "DueItemRepository", items: "Sequence[DueItem]", now: Callable[[], datetime]
) -> "tuple[list[DueItem], BaseException | None]":
    """Lease ``items``. Returns the leased ones, to be enqueued, and the error that stopped the loop, if any."""
    with ThreadPoolExecutor(_LEASES_AT_ONCE) as pool:
        attempts = [(item, pool.submit(due.lease, item, now())) for item in items]
    failures = [attempt.exception() for _, attempt in attempts if attempt.exception()]
    leased = [item for item, attempt in attempts if not attempt.exception() and attempt.result()]
    return leased, next(iter(failures), None)


def _lateness(items: "list[DueItem]", now: datetime) -> timedelta:
    due = [moment for item in items if (moment := parse_timestamp(item.due_at))]
    return max((now - moment for moment in due if moment < now), default=timedelta())
