"""Read Codat's list of companies, so that companies without any webhook are reconciled too.

Progress is saved after each page: if a run is out of time, the next one resumes there.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from codat_sync.core.timestamps import format_timestamp
from codat_sync.reconciliation.company_state import LEASE

if TYPE_CHECKING:
    from codat_sync.codat.directory_client import CodatDirectoryClient
    from codat_sync.reconciliation.repository import ReconciliationRepository
    from codat_sync.reconciliation.run_repository import DirectoryProgress, ReconciliationRunRepository

_INTERVAL = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class DiscoveryProgress:
    """Progress through the list of companies, the number of pages just read, and the number of new companies."""

    directory: "DirectoryProgress"
    pages: int
    new: int


@dataclass(frozen=True)
class CompanyDiscovery:
    """Discover companies from Codat's list."""

    codat: "CodatDirectoryClient"
    companies: "ReconciliationRepository"
    run_repository: "ReconciliationRunRepository"
    now: Callable[[], datetime]

    def resume(self, has_time: Callable[[], bool]) -> DiscoveryProgress:
        """Start or resume reading the list, if it is due. Raises CodatError and whatever a call to Codat raises.

        Pages are read from last to first, as the oldest companies are on the first page. If a company is deleted
        meanwhile, those after it move to a page that is still to be read. One created meanwhile is found next time.
        """
        progress = self.run_repository.load_directory()
        if progress.next_at and progress.next_at > format_timestamp(self.now()):
            return DiscoveryProgress(progress, 0, 0)
        leased = self.run_repository.put_directory(self._start_listing(progress), self.now() + LEASE)
        return self._read_pages(leased, has_time) if leased else DiscoveryProgress(progress, 0, 0)

    def postpone(self) -> None:
        """Postpone the next attempt by an hour: repeated failures would exhaust the daily budget."""
        self.run_repository.put_directory(self.run_repository.load_directory(), self.now() + _INTERVAL)

    def _start_listing(self, progress: "DirectoryProgress") -> "DirectoryProgress":
        if progress.page is not None:
            return progress
        now = self.now()
        return replace(progress, began_at=progress.began_at or now, started_at=now, page=0, pages=0)

    def _read_pages(self, leased: "DirectoryProgress", has_time: Callable[[], bool]) -> DiscoveryProgress:
        pages, new = 0, 0
        directory: DirectoryProgress | None = leased
        while directory and directory.page is not None and has_time():
            leased = directory
            listed = self.codat.list_companies(leased.page or 1)
            new += self.companies.start_tracking(listed.company_ids, self.now())
            pages += 1
            directory = self._save_progress(leased, listed.pages)
        if directory and directory.page is not None:
            # Release the lease, so that the next run can resume at once.
            directory = self.run_repository.put_directory(directory, self.now())
        return DiscoveryProgress(directory or leased, pages, new)

    def _save_progress(self, read: "DirectoryProgress", pages: int) -> "DirectoryProgress | None":
        """Record that a page is read; None if another run took over. Page 0 requests page 1 for the page count."""
        if read.page == 0 and pages > 1:
            return self.run_repository.put_directory(replace(read, page=pages, pages=pages), self.now() + LEASE)
        if read.page is not None and read.page > 1:
            return self.run_repository.put_directory(replace(read, page=read.page - 1), self.now() + LEASE)
        finished = replace(read, page=None, listed_as_of=read.started_at, read_at=self.now())
        return self.run_repository.put_directory(finished, self.now() + _INTERVAL)
