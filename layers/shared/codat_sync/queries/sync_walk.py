"""Walk through the syncs of a query in order of time, to the end or until a budget is used up."""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import TYPE_CHECKING

from codat_sync.queries.sync_query import HistoryQuery, ListedSync

if TYPE_CHECKING:
    from codat_sync.queries.sync_index import IndexPage, SyncIndex

# Maximum number of days read concurrently.
DAYS_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Budget:
    """The limits of a walk: the number of rows that it examines, and the time on ``clock`` at which it stops."""

    rows: int
    ends_at: float
    clock: Callable[[], float] = time.monotonic

    @property
    def is_over(self) -> bool:
        """Whether the time is up."""
        return self.clock() >= self.ends_at


class SyncWalk:
    """Iterate over the syncs that match a query, in order of time.

    Days without syncs use none of the budget except time, and are read concurrently: one day, then two, four, and so
    on. So a page takes one request if its first day fills it. Each request returns up to ``size`` rows; None: 1 MB.
    """

    def __init__(
        self, index: "SyncIndex", query: HistoryQuery, after: str | None, size: int | None, budget: Budget
    ) -> None:
        self._index = index
        self._query = query
        self._size = size
        self._budget = budget
        self._position = query.start_after(after)
        self._examined = 0
        self._is_at_end = False

    @property
    def cursor(self) -> str | None:
        """The position after everything read so far; None once all rows have been read."""
        return None if self._is_at_end else self._position

    def rows(self) -> Iterator[ListedSync]:
        """Yield the matching rows. It ends early, with a cursor, if there are more rows than the budget allows."""
        for found in self._pages():
            for row in found.rows:
                if row.at not in self._query.period:
                    self._is_at_end = True
                    return
                if self._examined == self._budget.rows:
                    return
                self._examined += 1
                self._position = row.position
                if self._query.is_match(row):
                    yield row

    def _pages(self) -> "Iterator[IndexPage]":
        if self._query.company_id:
            is_read = yield from self._pages_of_company(self._query.company_id)
        else:
            is_read = yield from self._pages_of_days()
        self._is_at_end = is_read

    def _pages_of_company(self, company_id: str) -> "Generator[IndexPage, None, bool]":
        def load() -> "IndexPage":
            return self._index.list_company(
                company_id, self._position, self._size, newest_first=self._query.newest_first
            )

        return (yield from self._rest(load(), load))

    def _pages_of_days(self) -> "Generator[IndexPage, None, bool]":
        days, width = self._query.days_after(self._position), 1
        while days:
            if self._budget.is_over:
                return False
            some, days = days[:width], days[width:]
            for day, found in zip(some, self._first_pages(some), strict=True):
                if not (yield from self._rest(found, partial(self._load, day))):
                    return False
                self._position = self._query.end_of(day)
            width = min(2 * width, DAYS_AT_ONCE)
        return True

    def _first_pages(self, days: Sequence[date]) -> "list[IndexPage]":
        if len(days) == 1:
            return [self._load(days[0])]
        with ThreadPoolExecutor(len(days)) as pool:
            return list(pool.map(self._load, days))

    def _load(self, day: date) -> "IndexPage":
        return self._index.list_day(day, self._position, self._size, newest_first=self._query.newest_first)

    def _rest(self, found: "IndexPage", load: "Callable[[], IndexPage]") -> "Generator[IndexPage, None, bool]":
        """Yield ``found`` and the pages that follow it; return whether the last one was reached."""
        yield found
        while found.has_more:
            if self._budget.is_over:
                return False
            self._position = found.end or self._position
            found = load()
            yield found
        return True
