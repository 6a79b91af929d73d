"""What came of a piece of the worker's work."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from codat_sync.companies.company import Company
from codat_sync.polling.schedule import PendingCheck
from codat_sync.syncs.sync import Sync


class Change(StrEnum):
    """What it changed."""

    COMMITTED = "committed"
    UNCHANGED = "unchanged"
    DUPLICATE = "duplicate"  # only events that had been seen: Codat was not asked
    OUTDATED = "outdated"  # what was due has moved on: Codat was not asked
    BLOCKED = "blocked"  # nothing: the company was forgotten on request, and Codat was not asked
    DEFERRED = "deferred"  # Codat could not be asked, or had no answer: it waits in the table


@dataclass(frozen=True, slots=True)
class SyncResult:
    """What came of news about a sync. ``sync`` is None if Codat gave no answer.

    ``is_company_stale`` tells that its record is old, ``is_connection_suspect`` that the sync found no connection.

    ``lags`` are the times from when Codat made its events to when what they tell of was in the table.
    """

    change: Change
    sync: Sync | None = None
    pending_check: PendingCheck | None = None
    is_company_stale: bool = False
    is_connection_suspect: bool = False
    lags: tuple[timedelta, ...] = ()


@dataclass(frozen=True, slots=True)
class CompanyResult:
    """What came of news about a company. ``company`` is None if nothing is known of it yet."""

    change: Change
    company: Company | None = None


@dataclass(frozen=True, slots=True)
class OtherResult:
    """What came of news that are about neither a sync nor a company."""

    change: Change


TaskResult = SyncResult | CompanyResult | OtherResult
