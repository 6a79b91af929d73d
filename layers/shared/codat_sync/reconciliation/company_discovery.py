"""Reading Codat's list of companies, so that one of which no event ever told is compared as well.

Page by page, each noted down: a run that has no time left is gone on with by the next one.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from codat_sync.core.timestamps import format_instant
from codat_sync.reconciliation.company_state import LEASE

if TYPE_CHECKING:
    from codat_sync.codat.directory_client import CodatDirectory
    from codat_sync.reconciliation.repository import ReconciliationStore
    from codat_sync.reconciliation.run_repository import Directory, RoundsStore

_EACH = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Discovered:
    """How far the list of companies is read by now, how many pages were just read, and how many companies are new."""

    directory: "Directory"
    pages: int
    new: int


@dataclass(frozen=True)
class Discovering:
    """How companies become known that Codat has."""

    codat: "CodatDirectory"
    companies: "ReconciliationStore"
    rounds: "RoundsStore"
    now: Callable[[], datetime]

    def go_on(self, has_time: Callable[[], bool]) -> Discovered:
        """Begin to read the list, or go on, if it is time to. Raises CodatError and what a call of Codat's does.

        From the last page to the first, the oldest companies being on the first one: if one is deleted meanwhile, those
        after it move to a page that is still to be read; one that is made meanwhile is of the next reading.
        """
        known = self.rounds.load_directory()
        if known.next_at and known.next_at > format_instant(self.now()):
            return Discovered(known, 0, 0)
        leased = self.rounds.put_directory(self._begun(known), self.now() + LEASE)
        return self._read(leased, has_time) if leased else Discovered(known, 0, 0)

    def put_off(self) -> None:
        """Have Codat asked again in an hour only: it was, and what does not work would use up what may be used."""
        self.rounds.put_directory(self.rounds.load_directory(), self.now() + _EACH)

    def _begun(self, known: "Directory") -> "Directory":
        if known.page is not None:
            return known
        now = self.now()
        return replace(known, began_at=known.began_at or now, started_at=now, page=0, pages=0)

    def _read(self, leased: "Directory", has_time: Callable[[], bool]) -> Discovered:
        pages, new = 0, 0
        directory: Directory | None = leased
        while directory and directory.page is not None and has_time():
            leased = directory
            found = self.codat.companies(leased.page or 1)
            new += self.companies.make_due(found.company_ids, self.now())
            pages += 1
            directory = self._noted(leased, found.pages)
        if directory and directory.page is not None:
            directory = self.rounds.put_directory(directory, self.now())  # The next run need not wait for the lease.
        return Discovered(directory or leased, pages, new)

    def _noted(self, read: "Directory", pages: int) -> "Directory | None":
        """Note that a page is read; None if another run goes on by now. Page 0 is the first one, asked how many."""
        if read.page == 0 and pages > 1:
            return self.rounds.put_directory(replace(read, page=pages, pages=pages), self.now() + LEASE)
        if read.page is not None and read.page > 1:
            return self.rounds.put_directory(replace(read, page=read.page - 1), self.now() + LEASE)
        done = replace(read, page=None, listed_as_of=read.started_at, read_at=self.now())
        return self.rounds.put_directory(done, self.now() + _EACH)
