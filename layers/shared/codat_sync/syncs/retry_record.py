"""How it stands with the failed transactions of a sync."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

# So many transactions at most are named for each step: the item stays small, and so does what is told of it. Ten facts
# with so many of the longest ids fit into the smallest of the limits on their way (SNS's 256 KB).
MAX_LISTED_IDS: Final = 100


class RetryState(StrEnum):
    """How it stands with the failed transactions of a sync."""

    OPEN = "open"  # not planned yet
    SCHEDULED = "scheduled"  # to be looked at again
    RESOLVED = "resolved"  # all are written
    STOPPED = "stopped"  # what is left needs a person, the customer or the product


@dataclass(frozen=True, slots=True)
class Retry:
    """What is done about a failed sync. ``sync_ids`` are the syncs that retries of it have made, oldest first.

    ``steps`` counts its failed transactions by what is to be done; ``held`` names the first of them for each step that
    is somebody else's. ``version`` is the table's: it moves on each time that this is written.
    """

    state: RetryState
    sync_ids: tuple[str, ...]
    steps: Mapping[str, int]
    due_at: datetime | None
    blocked: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    version: int = 0
