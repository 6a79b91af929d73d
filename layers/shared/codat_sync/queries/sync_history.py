"""Browsing: pages of the history, and totals, each in a bounded number of requests."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from itertools import islice
from typing import TYPE_CHECKING

from codat_sync.core.errors import InvalidQueryError
from codat_sync.queries.sync_query import (
    MOST_SORTED,
    HistoryPage,
    Listed,
    Period,
    Query,
    Sort,
    Totals,
    by_day,
    read_position,
)

if TYPE_CHECKING:
    from codat_sync.queries.sync_index import Listing, Slice

# Days without a sync cost a request each, as do rows that a filter leaves out: what is not reached has a cursor.
MOST_REQUESTS = 31
_FILTERED_AT_ONCE = 500
# A megabyte of the index has about 2,500 syncs.
_MOST_REQUESTS_A_DAY = 40
_DAYS_AT_ONCE = 16


class _Walk:
    """A way through the history, in order of time, of so many requests at most."""

    def __init__(self, listing: "Listing", query: Query, after: str | None, size: int) -> None:
        self._listing = listing
        self._query = query
        self._size = size
        self._requests_left = MOST_REQUESTS
        self.position = after
        self.is_at_end = False

    def rows(self) -> Iterator[Listed]:
        """Yield what is wanted; ``position`` is how far that has got."""
        for found in self._slices():
            for row in found.rows:
                self.position = row.position
                if row.at in self._query.period and self._query.wants(row):
                    yield row

    def _slices(self) -> "Iterator[Slice]":
        if self._query.company_id:
            yield from self._of_company(self._query.company_id)
            return
        for day in self._query.days_after(self.position):
            has_more = True
            while has_more:
                if not self._requests_left:
                    return
                self._requests_left -= 1
                found = self._listing.of_day(day, self.position, self._size, newest_first=self._query.newest_first)
                yield found
                has_more = found.has_more
            self.position = self._query.end_of(day)
        self.is_at_end = True

    def _of_company(self, company_id: str) -> "Iterator[Slice]":
        query = self._query
        if self.position is None:
            # Beyond the period nothing is read, on either side.
            self.position = f"{query.period.last}~" if query.newest_first else query.period.first.isoformat()
        while self._requests_left:
            self._requests_left -= 1
            found = self._listing.of_company(company_id, self.position, self._size, newest_first=query.newest_first)
            yield found
            if not found.has_more or (found.rows and found.rows[-1].at not in query.period):
                self.is_at_end = True
                return


@dataclass(frozen=True)
class Browsing:
    """How the history is read."""

    listing: "Listing"

    def history(self, query: Query, cursor: str | None) -> HistoryPage:
        """Return a page of what is asked for. Raises InvalidQueryError for a cursor that was not given out for it.

        In the order of time a page takes one request where there are rows enough on its first day, and 31 at most; it
        may then have fewer rows than ``query.limit``, or none, and a cursor all the same. In any other order, the first
        1,000 in the order of time are sorted.
        """
        if query.sort is not Sort.TIME:
            return self._sorted(query, cursor)
        after = None if cursor is None else read_position(cursor)
        walk = _Walk(self.listing, query, after, _FILTERED_AT_ONCE if query.is_filtered else query.limit + 1)
        rows = list(islice(walk.rows(), query.limit + 1))
        if len(rows) > query.limit:
            return HistoryPage(rows[: query.limit], rows[query.limit - 1].position)
        return HistoryPage(rows, None if walk.is_at_end else walk.position)

    def _sorted(self, query: Query, cursor: str | None) -> HistoryPage:
        start = _read_offset(cursor)
        walk = _Walk(self.listing, replace(query, newest_first=True), None, _FILTERED_AT_ONCE)
        rows = list(islice(walk.rows(), MOST_SORTED + 1))
        is_cut = len(rows) > MOST_SORTED or not walk.is_at_end
        rows = query.sorted(rows[:MOST_SORTED])
        end = start + query.limit
        return HistoryPage(rows[start:end], str(end) if end < len(rows) else None, is_cut)

    def newest(self, query: Query, most: int) -> tuple[list[Listed], bool]:
        """Return the newest of what is asked for, at most so many; and whether there may be more."""
        walk = _Walk(self.listing, query, None, _FILTERED_AT_ONCE)
        rows = list(islice(walk.rows(), most + 1))
        return rows[:most], len(rows) > most or not walk.is_at_end

    def totals(self, period: Period, company_id: str | None) -> Totals:
        """Return what each day of a period comes to, of one company or all.

        For all, the days are read side by side: a request each, and one more for each megabyte of the index (about
        2,500 syncs). A day of more than 100,000 is cut.
        """
        if company_id:
            rows, is_cut = self._all_of_company(company_id, period)
            return Totals(list(by_day(rows, period.days)), is_cut)
        with ThreadPoolExecutor(_DAYS_AT_ONCE) as pool:
            found = list(pool.map(self._all_of_day, period.days))
        days = [next(by_day(rows, [day])) for day, (rows, _) in zip(period.days, found, strict=True)]
        return Totals(days, any(is_cut for _, is_cut in found))

    def _all_of_day(self, day: date) -> tuple[list[Listed], bool]:
        rows: list[Listed] = []
        for _ in range(_MOST_REQUESTS_A_DAY):
            found = self.listing.of_day(day, rows[-1].position if rows else None, None, newest_first=True)
            rows += found.rows
            if not found.has_more:
                return rows, False
        return rows, True

    def _all_of_company(self, company_id: str, period: Period) -> tuple[list[Listed], bool]:
        walk = _Walk(self.listing, Query(period, company_id), None, 0)
        rows = list(walk.rows())
        return rows, not walk.is_at_end


def _read_offset(cursor: str | None) -> int:
    if cursor is None:
        return 0
    is_number = cursor.isascii() and cursor.isdecimal() and len(cursor) <= len(str(MOST_SORTED))
    if not is_number or int(cursor) >= MOST_SORTED:
        raise InvalidQueryError("cursor", "is none that was given out")
    return int(cursor)
