"""Model a sync: Codat's data about it at one time, and what follows from it."""

import hashlib
import json
from dataclasses import astuple, dataclass
from datetime import datetime

from codat_sync.core.timestamps import format_timestamp
from codat_sync.syncs.items import PENDING, Item
from codat_sync.syncs.status_codes import Outcome, status_code


@dataclass(frozen=True, slots=True)
class SyncStatus:
    """Codat's status of a sync. ``synced_at`` (``syncUtc``) is the only time that Codat provides."""

    company_id: str
    sync_id: str
    code: int
    status: str | None
    error_message: str | None
    exception_message: str | None
    synced_at: datetime | None
    data_pushed: bool | None


@dataclass(frozen=True, slots=True)
class Sync:
    """A sync as fetched from Codat."""

    status: SyncStatus
    items: tuple[Item, ...]

    @property
    def failed_items(self) -> int:
        """Return the number of failed items."""
        return sum(item.has_failed for item in self.items)

    @property
    def outcome(self) -> Outcome:
        """Return the outcome. One failed item makes the sync failed, whatever the other items and its code.

        A pending item keeps it from having succeeded.
        """
        if self.failed_items:
            return Outcome.FAILED
        outcome = status_code(self.status.code).outcome
        return outcome if self.is_final or outcome is not Outcome.SUCCEEDED else Outcome.IN_PROGRESS

    @property
    def has_succeeded(self) -> bool:
        """Return whether all of it is in the books."""
        return self.outcome is Outcome.SUCCEEDED

    @property
    def is_final(self) -> bool:
        """Return whether Codat will not change it on its own: the sync and all its items have ended."""
        return status_code(self.status.code).is_final and not any(item.status == PENDING for item in self.items)

    @property
    def digest(self) -> str:
        """Return a digest of Codat's data, independent of the order of rows: equal digests mean no change."""
        status = self.status
        synced_at = status.synced_at and format_timestamp(status.synced_at)
        messages = (status.error_message, status.exception_message)
        fields = (
            status.company_id,
            status.sync_id,
            status.code,
            status.status,
            *messages,
            synced_at,
            status.data_pushed,
        )
        # Keep only each item's digest in memory: a large sync's messages take many megabytes.
        items = sorted(hashlib.sha256(json.dumps(astuple(item)).encode()).hexdigest() for item in self.items)
        return hashlib.sha256(json.dumps([fields, items]).encode()).hexdigest()
