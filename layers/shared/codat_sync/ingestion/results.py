"""Results of the worker's tasks."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from codat_sync.companies.company import Company
from codat_sync.polling.schedule import PendingCheck
from codat_sync.syncs.status_codes import Outcome
from codat_sync.syncs.sync import Sync


class Change(StrEnum):
    """The effect of a task."""

    COMMITTED = "committed"
    UNCHANGED = "unchanged"
    DUPLICATE = "duplicate"  # only events already processed: Codat was not asked
    OUTDATED = "outdated"  # the due version has changed: Codat was not asked
    BLOCKED = "blocked"  # nothing: the company was erased on request, and Codat was not asked
    DEFERRED = "deferred"  # Codat could not be asked, or had no response: a check is scheduled


@dataclass(frozen=True, slots=True)
class SyncResult:
    """The result of tasks about a sync. ``sync`` is None if Codat gave no response.

    ``is_company_stale`` says that the company's record is old, ``is_connection_suspect`` that the sync found no

    connection. ``lags`` are the times from Codat's generation of each event to the commit of its sync.
    """

    change: Change
    sync: Sync | None = None
    pending_check: PendingCheck | None = None
    is_company_stale: bool = False
    is_connection_suspect: bool = False
    lags: tuple[timedelta, ...] = ()

    @property
    def has_failed(self) -> bool:
        """Whether Codat's new data says that the sync has failed."""
        is_final = self.sync is not None and self.sync.is_final and self.sync.outcome is Outcome.FAILED
        return is_final and self.change is Change.COMMITTED


@dataclass(frozen=True, slots=True)
class CompanyResult:
    """The result of tasks about a company. ``company`` is None if nothing is known about it yet."""

    change: Change
    company: Company | None = None


@dataclass(frozen=True, slots=True)
class OtherResult:
    """The result of tasks about neither a sync nor a company."""

    change: Change


TaskResult = SyncResult | CompanyResult | OtherResult
