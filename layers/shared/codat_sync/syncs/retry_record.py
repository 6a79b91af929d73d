"""The retry state of a sync's failed transactions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

# Maximum number of transactions listed for each step, to keep the item and its events small. Ten events with this many
# of the longest ids fit into the smallest limit on their way (SNS's 256 KB).
MAX_LISTED_IDS: Final = 100


class RetryState(StrEnum):
    """The retry state of a sync's failed transactions."""

    OPEN = "open"  # not planned yet
    SCHEDULED = "scheduled"  # to be checked again
    RESOLVED = "resolved"  # all are written
    STOPPED = "stopped"  # the rest needs an operator, the customer or the product
    NOT_FAILED = "notFailed"  # there is nothing to retry; only reported, never stored


@dataclass(frozen=True, slots=True)
class Retry:
    """The retry of a failed sync. ``sync_ids`` are the syncs that its retries created, oldest first.

    ``steps`` counts its failed transactions by next step; ``blocked`` lists the first of them for each step that
    needs an action. ``version`` is the table's: it increases with each write. ``unknown_ids`` are the first of those
    that are not checked again although nobody knows whether they are written; ``acknowledged_ids`` those of which an
    operator has said that this is dealt with. ``retriable`` is how many of its transactions a manual retry would
    resubmit, None if they have not been counted; ``retriable_ids`` are the first of them.
    """

    state: RetryState
    sync_ids: tuple[str, ...]
    steps: Mapping[str, int]
    due_at: datetime | None
    blocked: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    version: int = 0
    unknown_ids: tuple[str, ...] = ()
    acknowledged_ids: tuple[str, ...] = ()
    retriable: int | None = None
    retriable_ids: tuple[str, ...] = ()

    @property
    def failed(self) -> int:
        """The number of its failed transactions, as of the last plan."""
        return sum(self.steps.values())

    def is_counted(self, now: datetime) -> bool:
        """Return whether its counts are current. Whatever may change a plan makes the retry due at once."""
        return self.retriable is not None and (self.due_at is None or self.due_at > now)
