"""Compare a sync in Codat's list with its record, and classify the discrepancy. Rules only."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from codat_sync.core.timestamps import format_optional_timestamp
from codat_sync.polling.schedule import CheckFailure, PendingCheck
from codat_sync.syncs.status_codes import Outcome
from codat_sync.syncs.sync import SyncStatus

# Codat redelivers a failed webhook after 5 seconds and 5 minutes: until then it is not lost.
WEBHOOK_GRACE_PERIOD = timedelta(minutes=10)
# A sync whose next check is due within this time need not be enqueued.
DUE_SOON = timedelta(minutes=15)
# The clock postpones an item by 15 minutes when it enqueues it: if it is overdue by twice that, its check was lost.
OVERDUE_AFTER = timedelta(minutes=30)
# No check is scheduled this far ahead: the clock of the process that scheduled it was wrong.
_TOO_FAR_AHEAD = timedelta(days=2)
# How long a submitted sync that Codat does not list is checked.
_UNLISTED_CHECK_PERIOD = timedelta(days=14)
_OPEN = {Outcome.ANNOUNCED, Outcome.SUBMITTED, Outcome.IN_PROGRESS}


class Discrepancy(StrEnum):
    """Reasons why a sync's record does not match Codat."""

    MISSING = "missing"  # it has no record
    STALE = "stale"  # its record has a different status code, time or company
    STUCK = "stuck"  # its check is long overdue
    PENDING = "pending"  # its webhook may be on its way, or its check is due soon: no action needed
    DEAD_LETTERED = "deadLettered"  # Codat's response is malformed: see its dead letter
    NOT_LISTED = "notListed"  # it was submitted, but Codat does not list it: the table is still complete

    @property
    def is_incomplete(self) -> bool:
        """Whether something that Codat lists is not in the table."""
        return self is not Discrepancy.NOT_LISTED

    @property
    def is_check_needed(self) -> bool:
        """Whether the worker has to check it with Codat."""
        return self is not Discrepancy.PENDING


@dataclass(frozen=True, slots=True)
class SyncSummary:
    """A sync's record as projected by the company index: eventually consistent."""

    sync_id: str
    code: int | None
    synced_at: str | None
    outcome: Outcome
    check_failure: str | None

    def is_settled(self, listed: SyncStatus | None) -> bool:
        """Return whether it matches Codat's list and has nothing pending: then its record need not be read."""
        if self.outcome in _OPEN or self.check_failure:
            return False
        return listed is None or is_same_state(self.code, self.synced_at, listed)


@dataclass(frozen=True, slots=True)
class KnownSync:
    """A sync's record, read consistently. ``code`` is None until the sync was fetched from Codat.

    ``company_id`` is the company that the record names: an event may have named a wrong one.
    """

    sync_id: str
    version: int
    code: int | None
    synced_at: str | None
    outcome: Outcome
    pending_check: PendingCheck | None
    first_seen_at: datetime | None
    company_id: str | None = None


def is_same_state(code: int | None, synced_at: str | None, listed: SyncStatus) -> bool:
    """Return whether a record's status code and time equal those that Codat lists."""
    return code == listed.code and synced_at == format_optional_timestamp(listed.synced_at)


def find_discrepancy(listed: SyncStatus | None, stored: KnownSync | None, now: datetime) -> Discrepancy | None:
    """Classify the discrepancy of a sync that Codat lists, or that is known and open; None if there is none."""
    if stored is None:
        return Discrepancy.PENDING if listed and is_webhook_pending(listed, now) else Discrepancy.MISSING
    pending_check = stored.pending_check
    if listed and stored.company_id and stored.company_id != listed.company_id:
        return Discrepancy.STALE  # Whatever is scheduled or dead-lettered: it asks Codat about the wrong company.
    if pending_check and _is_overdue(pending_check, now):
        return Discrepancy.STUCK
    if listed is None:
        return Discrepancy.NOT_LISTED if _is_not_listed(stored, now) else None
    if stored.code is not None and is_same_state(stored.code, stored.synced_at, listed):
        return None
    return _classify_difference(pending_check, now)


def _is_overdue(pending_check: PendingCheck, now: datetime) -> bool:
    due_at = pending_check.due_at
    return due_at is not None and not -_TOO_FAR_AHEAD < now - due_at <= OVERDUE_AFTER


def _classify_difference(pending_check: PendingCheck | None, now: datetime) -> Discrepancy:
    if pending_check and pending_check.check_failure is CheckFailure.MALFORMED_RESPONSE:
        return Discrepancy.DEAD_LETTERED
    is_due_soon = pending_check and pending_check.due_at and pending_check.due_at - now <= DUE_SOON
    return Discrepancy.PENDING if is_due_soon else Discrepancy.STALE


def is_webhook_pending(listed: SyncStatus, now: datetime) -> bool:
    """Return whether the webhook of a sync may still be on its way. Codat's clock may be ahead of ours."""
    return listed.synced_at is not None and abs(now - listed.synced_at) < WEBHOOK_GRACE_PERIOD


def latest_sync_time(listed: Iterable[SyncStatus]) -> datetime | None:
    """Return the time of the latest sync; None if none has one."""
    return max((each.synced_at for each in listed if each.synced_at), default=None)


def _is_not_listed(stored: KnownSync, now: datetime) -> bool:
    is_confirmed_missing = stored.pending_check is None or stored.pending_check.due_at is None
    is_recent = stored.first_seen_at is not None and now - stored.first_seen_at < _UNLISTED_CHECK_PERIOD
    return stored.outcome is Outcome.SUBMITTED and is_confirmed_missing and is_recent
