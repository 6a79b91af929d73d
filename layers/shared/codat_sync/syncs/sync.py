"""Model a sync: Codat's data about it at one time, and what follows from it."""

import hashlib
import json
from dataclasses import astuple, dataclass
from datetime import datetime

from codat_sync.core.timestamps import format_timestamp
from codat_sync.syncs.items import COMPLETED, PENDING, Item
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

    @property
    def message(self) -> str | None:
        """Return Codat's message about the sync as a whole, if there is one."""
        return self.error_message or self.exception_message


@dataclass(frozen=True, slots=True)
class Sync:
    """A sync as fetched from Codat.

    ``submitted_ids`` are the transactions of the submission that created it, if that went through this application.
    """

    status: SyncStatus
    items: tuple[Item, ...]
    submitted_ids: tuple[str, ...] = ()

    @property
    def failed_items(self) -> int:
        """Return the number of failed items."""
        return sum(item.has_failed for item in self.items)

    @property
    def outcome(self) -> Outcome:
        """Return the outcome. One failed item makes the sync failed, whatever the other items and its code.

        It has succeeded only if each of its transactions is known to be written, whatever its code.
        """
        if self.failed_items:
            return Outcome.FAILED
        outcome = status_code(self.status.code).outcome
        if outcome is not Outcome.SUCCEEDED:
            return outcome
        if not self.is_final:
            return Outcome.IN_PROGRESS
        is_written = all(item.status == COMPLETED for item in self.items) and not self._unlisted_ids
        return Outcome.SUCCEEDED if is_written else Outcome.UNKNOWN

    @property
    def has_succeeded(self) -> bool:
        """Return whether all of it is in the books."""
        return self.outcome is Outcome.SUCCEEDED

    @property
    def is_unclear(self) -> bool:
        """Return whether Codat reports success, but not that each of its transactions was written."""
        return self.outcome is Outcome.UNKNOWN and status_code(self.status.code).outcome is Outcome.SUCCEEDED

    @property
    def _unlisted_ids(self) -> list[str]:
        """The submitted transactions that Codat does not list although it reports success."""
        if status_code(self.status.code).outcome is not Outcome.SUCCEEDED:
            return []
        listed = {item.transaction_id for item in self.items}
        return sorted(each for each in self.submitted_ids if each not in listed)

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
            *self._unlisted_ids,
        )
        # Keep only each item's digest in memory: a large sync's messages take many megabytes.
        items = sorted(hashlib.sha256(json.dumps(astuple(item)).encode()).hexdigest() for item in self.items)
        return hashlib.sha256(json.dumps([fields, items]).encode()).hexdigest()
