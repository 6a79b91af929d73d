"""Browse the history of syncs: pages, whole periods, and totals. Each says how far it got."""

import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import islice
from typing import TYPE_CHECKING

from codat_sync.core.errors import InvalidQueryError
from codat_sync.queries.sync_query import (
    DayTotals,
    HistoryPage,
    HistoryQuery,
    Period,
    Sort,
    Totals,
    read_position,
)
from codat_sync.queries.sync_walk import DAYS_AT_ONCE, Budget, SyncWalk

if TYPE_CHECKING:
    from codat_sync.queries.sync_index import SyncIndex

_FILTERED_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class HistoryLimits:
    """What a request may take. Whatever ends at one of these says so.

    ``examined``: rows read for a page of a filtered list. ``sorted``: rows sorted by anything but time. ``failed``:
    failed syncs whose records, of up to 400 KB each, are read at a time to find the causes. ``counted``: rows counted
    for the totals of a day, or of a company. ``page_seconds`` for a page, and ``whole_seconds`` for what continues to
    the end of a period: API Gateway ends a request after 30 s.
    """

    examined: int = 20_000
    sorted: int = 1_000
    failed: int = 200
    counted: int = 100_000
    page_seconds: float = 8
    whole_seconds: float = 18


LIMITS = HistoryLimits()


@dataclass(frozen=True)
class SyncHistory:
    """Read pages and totals of the history."""

    index: "SyncIndex"
    limits: HistoryLimits = field(default_factory=lambda: LIMITS)
    clock: Callable[[], float] = time.monotonic

    def load_page(self, query: HistoryQuery, cursor: str | None) -> HistoryPage:
        """Return a page of matching syncs. Raises InvalidQueryError for an invalid cursor.

        In order of time a page takes one request if its first day has enough rows. With a filter it may have fewer rows
        than ``query.limit``, or none, and still a cursor: see ``HistoryLimits``. In any other order, the newest 1,000
        are sorted.
        """
        if query.sort is not Sort.TIME:
            return self._sorted(query, cursor)
        after = None if cursor is None else read_position(cursor)
        size = _FILTERED_AT_ONCE if query.is_filtered else query.limit + 1
        walk = SyncWalk(self.index, query, after, size, self._budget(self.limits.examined, self.limits.page_seconds))
        rows = list(islice(walk.rows(), query.limit + 1))
        if len(rows) > query.limit:
            last = rows[query.limit - 1].position
            return HistoryPage(rows[: query.limit], last, reached=last)
        is_truncated = walk.cursor is not None and len(rows) < query.limit
        return HistoryPage(rows, walk.cursor, is_truncated, walk.cursor)

    def walk(self, query: HistoryQuery, cursor: str | None) -> SyncWalk:
        """Return a walk to the end of the period, or as far as the time allows. Raises InvalidQueryError.

        It is in order of time whatever order the query has.
        """
        after = None if cursor is None else read_position(cursor)
        in_order = query if query.sort is Sort.TIME else replace(query, newest_first=True)
        return SyncWalk(self.index, in_order, after, None, self._budget(sys.maxsize, self.limits.whole_seconds))

    def _sorted(self, query: HistoryQuery, cursor: str | None) -> HistoryPage:
        most = self.limits.sorted
        start = _read_offset(cursor, most)
        walk = self.walk(query, None)
        rows = list(islice(walk.rows(), most + 1))
        reached = rows[most - 1].position if len(rows) > most else walk.cursor
        rows = query.sorted(rows[:most])
        end = start + query.limit
        next_cursor = str(end) if end < len(rows) else None
        return HistoryPage(rows[start:end], next_cursor, reached is not None, reached, len(rows))

    def totals(self, period: Period, company_id: str | None) -> Totals:
        """Return the daily totals of a period, for one company or all.

        For all companies, the days are read in parallel: a request each, and one more per megabyte of the index (about
        2,500 syncs). A day that was not counted to its end is marked as truncated.
        """
        budget = self._budget(self.limits.counted, self.limits.whole_seconds)
        if company_id:
            return Totals(self._count(period, company_id, budget))
        with ThreadPoolExecutor(DAYS_AT_ONCE) as pool:
            return Totals(list(pool.map(lambda day: self._count(Period(day, day), None, budget)[0], period.days)))

    def _count(self, period: Period, company_id: str | None, budget: Budget) -> list[DayTotals]:
        days = {day: DayTotals(day) for day in period.days}
        query = HistoryQuery(period, company_id)
        walk = SyncWalk(self.index, query, None, None, budget)
        for row in walk.rows():
            days[date.fromisoformat(row.at[:10])].add(row)
        for day in query.days_after(walk.cursor) if walk.cursor else ():
            days[day].is_truncated = True
        return list(days.values())

    def _budget(self, rows: int, seconds: float) -> Budget:
        return Budget(rows, self.clock() + seconds, self.clock)


def _read_offset(cursor: str | None, most: int) -> int:
    if cursor is None:
        return 0
    is_number = cursor.isascii() and cursor.isdecimal() and len(cursor) <= len(str(most))
    if not is_number or int(cursor) >= most:
        raise InvalidQueryError("cursor", "is unknown or expired")
    return int(cursor)
