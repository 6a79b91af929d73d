"""A sync: all that Codat says of it at one moment, and what follows from it."""

import hashlib
import json
from dataclasses import astuple, dataclass
from datetime import datetime

from codat_sync.core.timestamps import format_timestamp
from codat_sync.syncs.items import PENDING, Item
from codat_sync.syncs.status_codes import Outcome, status_code


@dataclass(frozen=True, slots=True)
class SyncStatus:
    """Codat's status of a sync. ``synced_at`` (``syncUtc``) is the only time that Codat gives."""

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
    """A sync as Codat answered for it."""

    status: SyncStatus
    items: tuple[Item, ...]

    @property
    def failed_items(self) -> int:
        """How many of its items failed."""
        return sum(item.has_failed for item in self.items)

    @property
    def outcome(self) -> Outcome:
        """How it stands. One failed item makes the sync failed, whatever the others did and its code says.

        One that is pending keeps it from having succeeded.
        """
        if self.failed_items:
            return Outcome.FAILED
        said = status_code(self.status.code).outcome
        return said if self.is_final or said is not Outcome.SUCCEEDED else Outcome.IN_PROGRESS

    @property
    def has_succeeded(self) -> bool:
        """Whether all of it is in the books."""
        return self.outcome is Outcome.SUCCEEDED

    @property
    def is_final(self) -> bool:
        """Whether Codat will not change it by itself: it has ended, and so have all of its items."""
        return status_code(self.status.code).is_final and not any(item.status == PENDING for item in self.items)

    @property
    def digest(self) -> str:
        """A fingerprint of all that Codat said, the order of its rows apart: equal digests, nothing new."""
        said = self.status
        status = (
            *(said.company_id, said.sync_id, said.code, said.status, said.error_message, said.exception_message),
            *(said.synced_at and format_timestamp(said.synced_at), said.data_pushed),
        )
        # Of each item only its own fingerprint is kept meanwhile: a large sync's messages are many megabytes.
        items = sorted(hashlib.sha256(json.dumps(astuple(item)).encode()).hexdigest() for item in self.items)
        return hashlib.sha256(json.dumps([status, items]).encode()).hexdigest()
