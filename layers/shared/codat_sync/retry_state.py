"""How it stands with the failed transactions of a sync."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class RetryState(StrEnum):
    """How it stands with the failed transactions of a sync."""

    OPEN = "open"  # not planned yet
    WAITING = "waiting"  # to be looked at again
    RESOLVED = "resolved"  # all are written
    STOPPED = "stopped"  # what is left needs a person, the customer or the product


@dataclass(frozen=True, slots=True)
class Retry:
    """What is done about a failed sync. ``sync_ids`` are the syncs that retries of it have made, oldest first."""

    state: RetryState
    sync_ids: tuple[str, ...]
    steps: Mapping[str, int]
    due_at: datetime | None
