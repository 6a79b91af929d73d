"""Browse the history of syncs: pages and totals, each in a bounded number of requests."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from itertools import islice
from typing import TYPE_CHECKING

from codat_sync.core.errors import InvalidQueryError
from codat_sync.queries.sync_query import (
    MAX_SORTED,
    HistoryPage,
    HistoryQuery,
    ListedSync,
    Period,
    Sort,
    Totals,
    by_day,
    read_position,
)

if TYPE_CHECKING:
    from codat_sync.queries.sync_index import IndexPage, SyncIndex

# Maximum requests per page. Empty days and filtered rows cost requests too; a cursor leads to the rest.
MAX_REQUESTS = 31
_FILTERED_AT_ONCE = 500
# A megabyte of the index has about 2,500 syncs.
_MAX_REQUESTS_PER_DAY = 40
_DAYS_AT_ONCE = 16


class _Walk:
    """Iterate over the history in order of time, in a limited number of requests."""

    def __init__(self, index: "SyncIndex", query: HistoryQuery, after: str | None, size: int) -> None:
        self._listing = index
        self._query = query
        self._size = size
        self._requests_left = MAX_REQUESTS
        self.position = after
        self.is_at_end = False

    def rows(self) -> Iterator[ListedSync]:
        """Yield matching rows, keeping ``position`` at the last row read."""
        for found in self._pages():
            for row in found.rows:
                self.position = row.position
                if row.at in self._query.period and self._query.is_match(row):
                    yield row

    def _pages(self) -> "Iterator[IndexPage]":
        if self._query.company_id:
            yield from self._walk_company(self._query.company_id)
            return
        for day in self._query.days_after(self.position):
            has_more = True
            while has_more:
                if not self._requests_left:
                    return
                self._requests_left -= 1
                found = self._listing.list_day(day, self.position, self._size, newest_first=self._query.newest_first)
                yield found
                has_more = found.has_more
            self.position = self._query.end_of(day)
        self.is_at_end = True

    def _walk_company(self, company_id: str) -> "Iterator[IndexPage]":
        query = self._query
        if self.position is None:
            # Start at the period's edge, so that nothing outside it is read.
            self.position = f"{query.period.last}~" if query.newest_first else query.period.first.isoformat()
        while self._requests_left:
            self._requests_left -= 1
            found = self._listing.list_company(company_id, self.position, self._size, newest_first=query.newest_first)
            yield found
            if not found.has_more or (found.rows and found.rows[-1].at not in query.period):
                self.is_at_end = True
                return


@dataclass(frozen=True)
class SyncHistory:
    """Read pages and totals of the history."""

    index: "SyncIndex"

    def load_page(self, query: HistoryQuery, cursor: str | None) -> HistoryPage:
        """Return a page of matching syncs. Raises InvalidQueryError for an invalid cursor.

        In order of time a page takes one request if its first day has enough rows, and 31 at most. It may then have
        fewer rows than ``query.limit``, or none, and still a cursor. In any other order, the newest 1,000 are sorted.
        """
        if query.sort is not Sort.TIME:
            return self._sorted(query, cursor)
        after = None if cursor is None else read_position(cursor)
        walk = _Walk(self.index, query, after, _FILTERED_AT_ONCE if query.is_filtered else query.limit + 1)
        rows = list(islice(walk.rows(), query.limit + 1))
        if len(rows) > query.limit:
            return HistoryPage(rows[: query.limit], rows[query.limit - 1].position)
        return HistoryPage(rows, None if walk.is_at_end else walk.position)

    def _sorted(self, query: HistoryQuery, cursor: str | None) -> HistoryPage:
        start = _read_offset(cursor)
        walk = _Walk(self.index, replace(query, newest_first=True), None, _FILTERED_AT_ONCE)
        rows = list(islice(walk.rows(), MAX_SORTED + 1))
        is_truncated = len(rows) > MAX_SORTED or not walk.is_at_end
        rows = query.sorted(rows[:MAX_SORTED])
        end = start + query.limit
        return HistoryPage(rows[start:end], str(end) if end < len(rows) else None, is_truncated)

    def newest(self, query: HistoryQuery, most: int) -> tuple[list[ListedSync], bool]:
        """Return up to ``most`` newest matching syncs, and whether there may be more."""
        walk = _Walk(self.index, query, None, _FILTERED_AT_ONCE)
        rows = list(islice(walk.rows(), most + 1))
        return rows[:most], len(rows) > most or not walk.is_at_end

    def totals(self, period: Period, company_id: str | None) -> Totals:
        """Return the daily totals of a period, for one company or all.

        For all companies, the days are read in parallel: a request each, and one more per megabyte of the index (about
        2,500 syncs). A day with more than 100,000 syncs is truncated.
        """
        if company_id:
            rows, is_truncated = self._list_whole_company(company_id, period)
            return Totals(list(by_day(rows, period.days)), is_truncated)
        with ThreadPoolExecutor(_DAYS_AT_ONCE) as pool:
            found = list(pool.map(self._list_whole_day, period.days))
        days = [next(by_day(rows, [day])) for day, (rows, _) in zip(period.days, found, strict=True)]
        return Totals(days, any(is_truncated for _, is_truncated in found))

    def _list_whole_day(self, day: date) -> tuple[list[ListedSync], bool]:
        rows: list[ListedSync] = []
        for _ in range(_MAX_REQUESTS_PER_DAY):
            found = self.index.list_day(day, rows[-1].position if rows else None, None, newest_first=True)
            rows += found.rows
            if not found.has_more:
                return rows, False
        return rows, True

    def _list_whole_company(self, company_id: str, period: Period) -> tuple[list[ListedSync], bool]:
        walk = _Walk(self.index, HistoryQuery(period, company_id), None, 0)
        rows = list(walk.rows())
        return rows, not walk.is_at_end


def _read_offset(cursor: str | None) -> int:
    if cursor is None:
        return 0
    is_number = cursor.isascii() and cursor.isdecimal() and len(cursor) <= len(str(MAX_SORTED))
    if not is_number or int(cursor) >= MAX_SORTED:
        raise InvalidQueryError("cursor", "is unknown or expired")
    return int(cursor)
