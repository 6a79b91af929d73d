"""A sync as Codat lists it against its document: what is wrong with it, if anything. Rules only."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from codat_sync.core.timestamps import format_known
from codat_sync.polling.schedule import Trouble, Waiting
from codat_sync.syncs.status_codes import Outcome
from codat_sync.syncs.sync import SyncStatus

# A webhook that Codat could not deliver comes again after 5 seconds and 5 minutes: until then it is not lost.
YOUNG = timedelta(minutes=10)
# What is looked at so soon by itself need not be looked at now.
SOON = timedelta(minutes=15)
# The clock puts an item off by 15 minutes when it enqueues it: what is due for twice that is not looked at.
OVERDUE = timedelta(minutes=30)
# What was submitted and Codat does not list is asked about for so long.
_ASKED_ABOUT = timedelta(days=14)
_OPEN = {Outcome.ANNOUNCED, Outcome.SUBMITTED, Outcome.IN_PROGRESS}


class Why(StrEnum):
    """Why a sync of Codat's is not in the table, as Codat has it."""

    MISSING = "missing"  # it has no document
    STALE = "stale"  # its document has another status code, or another time
    STUCK = "stuck"  # its document is due to be looked at, and has not been for long
    EXPECTED = "expected"  # its webhook may be on its way, or it is about to be looked at: nothing has to be done
    SET_ASIDE = "setAside"  # Codat's answer about it can't be understood: a dead letter tells of it
    UNHEARD = "unheard"  # it was submitted, and Codat does not list it: nothing that Codat has is missing

    @property
    def is_incomplete(self) -> bool:
        """Whether something that Codat lists is not in the table."""
        return self is not Why.UNHEARD

    @property
    def is_to_be_asked(self) -> bool:
        """Whether the worker has to ask Codat about it."""
        return self is not Why.EXPECTED


@dataclass(frozen=True, slots=True)
class Glimpse:
    """A sync's document, as the list of its company's shows it: perhaps a moment old."""

    sync_id: str
    code: int | None
    synced_at: str | None
    outcome: Outcome
    trouble: str | None

    def is_settled(self, listed: SyncStatus | None) -> bool:
        """Return whether it is as Codat lists it, and waits for nothing: then it need not be looked at."""
        if self.outcome in _OPEN or self.trouble:
            return False
        return listed is None or agrees(self.code, self.synced_at, listed)


@dataclass(frozen=True, slots=True)
class Known:
    """A sync's document, read consistently. ``code`` is None while Codat has not been asked."""

    sync_id: str
    version: int
    code: int | None
    synced_at: str | None
    outcome: Outcome
    waiting: Waiting | None
    first_seen_at: datetime | None


def agrees(code: int | None, synced_at: str | None, listed: SyncStatus) -> bool:
    """Return whether a document's status code and time are those that Codat lists."""
    return code == listed.code and synced_at == format_known(listed.synced_at)


def judge(listed: SyncStatus | None, known: Known | None, now: datetime) -> Why | None:
    """Return what is wrong with a sync that Codat lists, or that is known and open; None if nothing is."""
    if known is None:
        return Why.EXPECTED if listed and is_young(listed, now) else Why.MISSING
    waiting = known.waiting
    if waiting and waiting.due_at and now - waiting.due_at > OVERDUE:
        return Why.STUCK
    if listed is None:
        return Why.UNHEARD if _is_unheard(known, now) else None
    if known.code is not None and agrees(known.code, known.synced_at, listed):
        return None
    if waiting and waiting.trouble is Trouble.MALFORMED:
        return Why.SET_ASIDE
    is_about_to = waiting and waiting.due_at and waiting.due_at - now <= SOON
    return Why.EXPECTED if is_about_to else Why.STALE


def is_young(listed: SyncStatus, now: datetime) -> bool:
    """Return whether the webhook of a sync may still be on its way. Codat's clock may be ahead of ours."""
    return listed.synced_at is not None and abs(now - listed.synced_at) < YOUNG


def latest(listed: Iterable[SyncStatus]) -> datetime | None:
    """Return the time of the last sync, None if none has any."""
    return max((each.synced_at for each in listed if each.synced_at), default=None)


def _is_unheard(known: Known, now: datetime) -> bool:
    is_given_up = known.waiting is None or known.waiting.due_at is None
    is_recent = known.first_seen_at is not None and now - known.first_seen_at < _ASKED_ABOUT
    return known.outcome is Outcome.SUBMITTED and is_given_up and is_recent
