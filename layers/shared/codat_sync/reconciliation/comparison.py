"""A sync as Codat lists it against its document: what is wrong with it, if anything. Rules only."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from codat_sync.core.timestamps import format_optional_timestamp
from codat_sync.polling.schedule import CheckFailure, PendingCheck
from codat_sync.syncs.status_codes import Outcome
from codat_sync.syncs.sync import SyncStatus

# A webhook that Codat could not deliver comes again after 5 seconds and 5 minutes: until then it is not lost.
WEBHOOK_GRACE_PERIOD = timedelta(minutes=10)
# What is looked at so soon by itself need not be looked at now.
DUE_SOON = timedelta(minutes=15)
# The clock puts an item off by 15 minutes when it enqueues it: what is due for twice that is not looked at.
OVERDUE_AFTER = timedelta(minutes=30)
# What was submitted and Codat does not list is asked about for so long.
_UNLISTED_CHECK_PERIOD = timedelta(days=14)
_OPEN = {Outcome.ANNOUNCED, Outcome.SUBMITTED, Outcome.IN_PROGRESS}


class Discrepancy(StrEnum):
    """Why a sync of Codat's is not in the table, as Codat has it."""

    MISSING = "missing"  # it has no document
    STALE = "stale"  # its document has another status code, or another time
    STUCK = "stuck"  # its document is due to be looked at, and has not been for long
    PENDING = "pending"  # its webhook may be on its way, or it is about to be looked at: nothing has to be done
    DEAD_LETTERED = "deadLettered"  # Codat's answer about it can't be understood: a dead letter tells of it
    NOT_LISTED = "notListed"  # it was submitted, and Codat does not list it: nothing that Codat has is missing

    @property
    def is_incomplete(self) -> bool:
        """Whether something that Codat lists is not in the table."""
        return self is not Discrepancy.NOT_LISTED

    @property
    def is_check_needed(self) -> bool:
        """Whether the worker has to ask Codat about it."""
        return self is not Discrepancy.PENDING


@dataclass(frozen=True, slots=True)
class SyncSummary:
    """A sync's document, as the list of its company's shows it: perhaps a moment old."""

    sync_id: str
    code: int | None
    synced_at: str | None
    outcome: Outcome
    check_failure: str | None

    def is_settled(self, listed: SyncStatus | None) -> bool:
        """Return whether it is as Codat lists it, and waits for nothing: then it need not be looked at."""
        if self.outcome in _OPEN or self.check_failure:
            return False
        return listed is None or is_same_state(self.code, self.synced_at, listed)


@dataclass(frozen=True, slots=True)
class KnownSync:
    """A sync's document, read consistently. ``code`` is None while Codat has not been asked."""

    sync_id: str
    version: int
    code: int | None
    synced_at: str | None
    outcome: Outcome
    pending_check: PendingCheck | None
    first_seen_at: datetime | None


def is_same_state(code: int | None, synced_at: str | None, listed: SyncStatus) -> bool:
    """Return whether a document's status code and time are those that Codat lists."""
    return code == listed.code and synced_at == format_optional_timestamp(listed.synced_at)


def find_discrepancy(listed: SyncStatus | None, known: KnownSync | None, now: datetime) -> Discrepancy | None:
    """Return what is wrong with a sync that Codat lists, or that is known and open; None if nothing is."""
    if known is None:
        return Discrepancy.PENDING if listed and is_webhook_pending(listed, now) else Discrepancy.MISSING
    pending_check = known.pending_check
    if pending_check and pending_check.due_at and now - pending_check.due_at > OVERDUE_AFTER:
        return Discrepancy.STUCK
    if listed is None:
        return Discrepancy.NOT_LISTED if _is_not_listed(known, now) else None
    if known.code is not None and is_same_state(known.code, known.synced_at, listed):
        return None
    if pending_check and pending_check.check_failure is CheckFailure.MALFORMED_RESPONSE:
        return Discrepancy.DEAD_LETTERED
    is_about_to = pending_check and pending_check.due_at and pending_check.due_at - now <= DUE_SOON
    return Discrepancy.PENDING if is_about_to else Discrepancy.STALE


def is_webhook_pending(listed: SyncStatus, now: datetime) -> bool:
    """Return whether the webhook of a sync may still be on its way. Codat's clock may be ahead of ours."""
    return listed.synced_at is not None and abs(now - listed.synced_at) < WEBHOOK_GRACE_PERIOD


def latest_sync_time(listed: Iterable[SyncStatus]) -> datetime | None:
    """Return the time of the last sync, None if none has any."""
    return max((each.synced_at for each in listed if each.synced_at), default=None)


def _is_not_listed(known: KnownSync, now: datetime) -> bool:
    is_confirmed_missing = known.pending_check is None or known.pending_check.due_at is None
    is_recent = known.first_seen_at is not None and now - known.first_seen_at < _UNLISTED_CHECK_PERIOD
    return known.outcome is Outcome.SUBMITTED and is_confirmed_missing and is_recent
