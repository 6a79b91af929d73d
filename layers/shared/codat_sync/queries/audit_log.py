"""List audit entries by period, action and actor, and those of one sync. Every read is bounded."""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING

from codat_sync.queries.listing import Listing
from codat_sync.queries.sync_query import Period, end_of_day, position_time, read_position
from codat_sync.queries.sync_walk import Budget

if TYPE_CHECKING:
    from codat_sync.audit.entry import AuditEntry
    from codat_sync.audit.repository import AuditRepository

# Entries have less than 1 KB, and most are much smaller: at most 100 read units each.
_AT_ONCE = 200
_MAX_READS = 5
# An export continues to the end, as far as the time allows: API Gateway ends a request after 30 s.
_WHOLE_SECONDS = 18


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """The entries of a period; of ``actions`` unless empty, and of actors whose text contains ``actor``."""

    period: Period
    actions: frozenset[str] = frozenset()
    actor: str = ""

    def is_match(self, entry: "AuditEntry") -> bool:
        """Return whether an entry of the period matches."""
        is_of_action = not self.actions or entry.action in self.actions
        return is_of_action and self.actor.strip().casefold() in entry.actor.casefold()


@dataclass(frozen=True, slots=True)
class AuditPage:
    """A page of entries, newest first. ``next_cursor`` leads to the next page; None on the last one.

    A page can be shorter than its limit and still have a next one. ``reached_to`` then says how far it got.
    """

    entries: list["AuditEntry"]
    next_cursor: str | None

    @property
    def reached_to(self) -> datetime | None:
        """How far the pages up to this one cover the period; None: to its beginning."""
        return position_time(self.next_cursor) if self.next_cursor else None


class AuditWalk(Listing["AuditEntry"]):
    """The matching entries from a position on, to the beginning of the period or the end of the ``budget``.

    Of its rows, the budget counts the requests of 200 entries.
    """

    def __init__(self, audit: "AuditRepository", query: AuditQuery, cursor: str | None, budget: Budget) -> None:
        edge = end_of_day(query.period.last)
        self._audit = audit
        self._query = query
        self._budget = budget
        self._reads = 0
        self._position: str = min(read_position(cursor), edge) if cursor else edge
        self._is_finished = False

    @property
    def cursor(self) -> str | None:
        """The position of the last entry that was read; None at the end."""
        return None if self._is_finished else self._position

    def rows(self) -> Iterator["AuditEntry"]:
        """Yield the entries, newest first."""
        first = self._query.period.first.isoformat()
        for month in _months(self._query.period, self._position):
            has_more = True
            while has_more:
                if self._reads >= self._budget.rows or self._budget.is_over:
                    return
                self._reads += 1
                entries, has_more = self._audit.load_month(month, self._position, _AT_ONCE)
                for entry in entries:
                    if entry.position < first:
                        has_more = False
                        break
                    self._position = entry.position
                    if self._query.is_match(entry):
                        yield entry
        self._is_finished = True


@dataclass(frozen=True)
class AuditLog:
    """Lists of audit entries."""

    audit: "AuditRepository"
    clock: Callable[[], float] = time.monotonic

    def load_page(self, query: AuditQuery, limit: int, cursor: str | None) -> AuditPage:
        """Return one page, with at most five requests of 200 entries. Raises InvalidQueryError."""
        walk = AuditWalk(self.audit, query, cursor, self._budget(_MAX_READS))
        entries = list(islice(walk.rows(), limit + 1))
        if len(entries) > limit:
            return AuditPage(entries[:-1], entries[-2].position)
        return AuditPage(entries, walk.cursor)

    def walk(self, query: AuditQuery, cursor: str | None) -> AuditWalk:
        """Return the same entries to the end of the list, or as far as the time allows. Raises InvalidQueryError."""
        return AuditWalk(self.audit, query, cursor, self._budget(sys.maxsize))

    def load_of_sync(self, sync_id: str, limit: int, cursor: str | None) -> AuditPage:
        """Return one page of the entries about a sync, with one request. Raises InvalidQueryError."""
        entries, has_more = self.audit.load_of_sync(sync_id, read_position(cursor) if cursor else None, limit)
        return AuditPage(entries, entries[-1].position if has_more and entries else None)

    def _budget(self, reads: int) -> Budget:
        return Budget(reads, self.clock() + _WHOLE_SECONDS, self.clock)


def _months(period: Period, before: str) -> list[str]:
    """Return the months of a period up to a position, newest first."""
    months = {day.isoformat()[:7] for day in period.days}
    return sorted((month for month in months if month <= before[:7]), reverse=True)
