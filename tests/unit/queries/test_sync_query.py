"""What may be asked of the history, and in which order it answers."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codat_sync.core.errors import InvalidQueryError
from codat_sync.core.timestamps import format_timestamp
from codat_sync.queries.sync_history import HistoryLimits, SyncHistory
from codat_sync.queries.sync_index import IndexPage
from codat_sync.queries.sync_query import (
    MAX_DAYS,
    HistoryQuery,
    ListedSync,
    Period,
    Sort,
    period,
    position_time,
    read_position,
)
from codat_sync.syncs.status_codes import Outcome

_TODAY = date(2026, 11, 24)


def _row(at: datetime, number: int, outcome: Outcome = Outcome.SUCCEEDED, company_id: str = "c1") -> ListedSync:
    text = format_timestamp(at)
    return ListedSync(company_id, f"s{number}", text, outcome, 2000, at, at, 3, 1, None, is_stuck=False)


class KnownListing:
    """Lists what it was given, at most so many at a time, as DynamoDB does by size."""

    def __init__(self, rows: list[ListedSync], at_once: int) -> None:
        self._rows = sorted(rows, key=lambda row: row.position)
        self._at_once = at_once

    def list_day(self, day: date, after: str | None, limit: int | None, *, newest_first: bool) -> IndexPage:
        found = [row for row in self._rows if row.at.startswith(day.isoformat())]
        return self._page(found, after, limit, newest_first=newest_first)

    def list_company(self, company_id: str, after: str | None, limit: int | None, *, newest_first: bool) -> IndexPage:
        found = [row for row in self._rows if row.company_id == company_id]
        return self._page(found, after, limit, newest_first=newest_first)

    def _page(self, rows: list[ListedSync], after: str | None, limit: int | None, *, newest_first: bool) -> IndexPage:
        rows = rows[::-1] if newest_first else rows
        if after is not None:
            rows = [row for row in rows if (row.position < after if newest_first else row.position > after)]
        most = min(limit or self._at_once, self._at_once)
        return IndexPage(rows[:most], len(rows) > most, rows[:most][-1].position if rows else None)


_MOMENTS = st.integers(0, 40 * 24 * 60).map(
    lambda minutes: datetime(2026, 10, 15, tzinfo=UTC) + timedelta(minutes=minutes)
)
_ROWS = st.lists(
    st.tuples(_MOMENTS, st.sampled_from([Outcome.FAILED, Outcome.SUCCEEDED]), st.sampled_from(["c1", "c2"])),
    max_size=40,
).map(lambda found: [_row(at, n, outcome, company) for n, (at, outcome, company) in enumerate(found)])
_QUERIES = st.builds(
    HistoryQuery,
    period=st.just(Period(date(2026, 10, 20), date(2026, 11, 20))),
    company_id=st.sampled_from([None, "c1"]),
    outcomes=st.sampled_from([frozenset(), frozenset({Outcome.FAILED})]),
    newest_first=st.booleans(),
    limit=st.integers(1, 7),
)


def _pages(sync_history: SyncHistory, query: HistoryQuery) -> Iterator[ListedSync]:
    cursor = None
    for _ in range(200):
        page = sync_history.load_page(query, cursor)
        assert len(page.rows) <= query.limit
        # A short page that is not the last one says that reading stopped early, and where.
        assert page.is_truncated == (page.next_cursor is not None and len(page.rows) < query.limit)
        assert (page.reached_to is None) == (page.next_cursor is None)
        yield from page.rows
        cursor = page.next_cursor
        if cursor is None:
            return
    raise AssertionError("the cursors lead nowhere")


@settings(max_examples=200)
@given(rows=_ROWS, query=_QUERIES, at_once=st.integers(1, 9), examined=st.integers(1, 50))
def test_pages_together_are_all_that_was_asked_for_each_once_and_in_order(
    rows: list[ListedSync], query: HistoryQuery, at_once: int, examined: int
) -> None:
    """Whatever fits into a page or an answer of the table's, and however few rows a request may read."""
    index: Any = KnownListing(rows, at_once)
    found = list(_pages(SyncHistory(index, HistoryLimits(examined=examined)), query))
    walk = SyncHistory(index).walk(query, None)
    assert (list(walk.rows()), walk.cursor) == (found, None)
    wanted = [
        row
        for row in rows
        if row.at in query.period and query.is_match(row) and query.company_id in {None, row.company_id}
    ]
    assert found == sorted(wanted, key=lambda row: row.position, reverse=query.newest_first)


@settings(max_examples=50)
@given(rows=_ROWS, company_id=st.sampled_from([None, "c1"]), at_once=st.integers(2, 9))
def test_totals_count_every_sync_of_the_period_once(
    rows: list[ListedSync], company_id: str | None, at_once: int
) -> None:
    """Side by side, and in as many requests as it takes."""
    asked = Period(date(2026, 10, 20), date(2026, 11, 20))
    index: Any = KnownListing(rows, at_once)
    found = SyncHistory(index).totals(asked, company_id)
    wanted = [row for row in rows if row.at in asked and company_id in {None, row.company_id}]
    assert [day.day for day in found.days] == asked.days
    assert [day.syncs for day in found.days] == [
        sum(row.at.startswith(day.isoformat()) for row in wanted) for day in asked.days
    ]
    failed = sum(row.outcome is Outcome.FAILED for row in wanted)
    assert (found.total.outcomes[Outcome.FAILED], found.is_truncated) == (failed, False)


_DAY = datetime(2026, 11, 20, 12, tzinfo=UTC)
# Read by a request about all companies, and by one about a company.
_COMPANIES = pytest.mark.parametrize("company_id", [None, "c1"])


@_COMPANIES
@pytest.mark.parametrize("days", [0, 60, 91])
@pytest.mark.parametrize("sort", list(Sort))
def test_one_failed_sync_is_found_on_any_day_of_the_longest_period(
    company_id: str | None, days: int, sort: Sort
) -> None:
    """Days without syncs are no reason to stop."""
    row = _row(_DAY - timedelta(days=days), 1, Outcome.FAILED)
    asked = Period(_DAY.date() - timedelta(days=91), _DAY.date())
    query = HistoryQuery(asked, company_id, outcomes=frozenset({Outcome.FAILED}), sort=sort)
    index: Any = KnownListing([row], 9)
    page = SyncHistory(index).load_page(query, None)
    assert (page.rows, page.next_cursor, page.is_truncated) == ([row], None, False)


@_COMPANIES
@pytest.mark.parametrize("number", [4, 5, 6])
@pytest.mark.parametrize("sort", list(Sort))
def test_a_list_is_truncated_only_if_there_is_more_than_the_limit(
    company_id: str | None, number: int, sort: Sort
) -> None:
    """Of rows sorted, or of rows examined: none of these match, or all of them."""
    rows = [_row(_DAY - timedelta(days=each), each) for each in range(number)]
    index: Any = KnownListing(rows, 2)
    sync_history = SyncHistory(index, HistoryLimits(examined=5, sorted=5))
    asked = Period(_DAY.date() - timedelta(days=30), _DAY.date())
    outcome = Outcome.FAILED if sort is Sort.TIME else Outcome.SUCCEEDED
    page = sync_history.load_page(HistoryQuery(asked, company_id, outcomes=frozenset({outcome}), sort=sort), None)
    assert page.is_truncated == (number > 5)
    assert page.sorted == (0 if sort is Sort.TIME else min(number, 5))
    # Up to the fifth row, if there is a sixth; in order of time, to the beginning of its day if that has no more.
    whole_day = sort is Sort.TIME and company_id is None
    reached = datetime(2026, 11, 16, tzinfo=UTC) if whole_day else _DAY - timedelta(days=4)
    assert page.reached_to == (reached if number > 5 else None)


@_COMPANIES
@pytest.mark.parametrize("number", [4, 5, 6])
def test_totals_name_the_days_that_were_not_counted_to_the_end(company_id: str | None, number: int) -> None:
    """A day, or all days of a company that come after the limit."""
    rows = [_row(_DAY - timedelta(minutes=each), each) for each in range(number)]
    index: Any = KnownListing(rows, 2)
    asked = Period(_DAY.date() - timedelta(days=1), _DAY.date() + timedelta(days=1))
    found = SyncHistory(index, HistoryLimits(counted=5)).totals(asked, company_id)
    uncounted = [_DAY.date()] if company_id is None else [_DAY.date() - timedelta(days=1), _DAY.date()]
    assert found.truncated_days == (uncounted if number > 5 else [])
    assert found.total.syncs == min(number, 5)


@_COMPANIES
def test_a_walk_that_runs_out_of_time_says_where_and_can_be_continued(company_id: str | None) -> None:
    """The clock moves with each request to the table."""
    rows = [_row(_DAY - timedelta(hours=each), each) for each in range(60)]
    index: Any = KnownListing(rows, 3)
    ticks = count()
    sync_history = SyncHistory(index, HistoryLimits(whole_seconds=4), clock=lambda: float(next(ticks)))
    query = HistoryQuery(Period(date(2026, 11, 1), _DAY.date()), company_id)
    found: list[ListedSync] = []
    cursor, parts = None, 0
    while parts == 0 or cursor:
        walk = sync_history.walk(query, cursor)
        found += walk.rows()
        cursor, parts = walk.cursor, parts + 1
    assert found == rows
    assert parts > 2


def test_a_position_stands_for_a_time() -> None:
    """After a day in order of time, before it in reverse, or at a row."""
    midnight = datetime(2026, 11, 20, tzinfo=UTC)
    assert position_time("2026-11-20") == midnight
    assert position_time("2026-11-20~") == midnight + timedelta(days=1)
    assert position_time(_row(_DAY, 1).position) == _DAY


def test_a_period_is_a_month_up_to_today_where_nothing_is_said() -> None:
    """And ends, or begins, where that is said."""
    assert period(None, None, _TODAY) == Period(date(2026, 10, 26), _TODAY)
    assert period(None, date(2026, 1, 31), _TODAY) == Period(date(2026, 1, 2), date(2026, 1, 31))
    assert period(date(2026, 11, 1), None, _TODAY) == Period(date(2026, 11, 1), _TODAY)
    assert period(date(2026, 11, 30), None, _TODAY) == Period(date(2026, 11, 30), date(2026, 11, 30))


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (date(2026, 11, 2), date(2026, 11, 1)),
        (date(2026, 1, 1), date(2026, 1, 1) + timedelta(days=MAX_DAYS)),
        (date(2026, 1, 1), None),
        (date(1, 1, 1), date(1, 1, 2)),
        (date(9999, 12, 1), date(9999, 12, 31)),
    ],
)
def test_a_period_that_makes_no_sense_is_refused(first: date, last: date | None) -> None:
    """Back to front, too long, or of no time at which there was a Codat."""
    with pytest.raises(InvalidQueryError):
        period(first, last, _TODAY)


def test_the_longest_period_is_as_long_as_it_says() -> None:
    """A day more is refused above."""
    last = date(2026, 1, 1) + timedelta(days=MAX_DAYS - 1)
    assert len(period(date(2026, 1, 1), last, _TODAY).days) == MAX_DAYS


@pytest.mark.parametrize(
    "text",
    ["", "x", "2026-11-24T", "2026-11-24T10:00:00.000Z#", "2026-11-24T10:00:00.000Z#a#b", "\uff12\uff1026-11-24"],
)
def test_a_position_that_was_not_given_out_is_refused(text: str) -> None:
    """Cursors come from outside."""
    with pytest.raises(InvalidQueryError):
        read_position(text)


def test_equal_rows_are_newest_first_and_rows_without_a_code_are_last() -> None:
    """Most first, as it is asked for."""
    early, late = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC)
    announced = ListedSync(
        "c", "s3", format_timestamp(late), Outcome.ANNOUNCED, None, None, late, 0, 0, None, is_stuck=False
    )
    rows = [_row(early, 1), announced, _row(late, 2)]
    ordered = HistoryQuery(Period(_TODAY, _TODAY), sort=Sort.CODE).sorted(rows)
    assert [row.sync_id for row in ordered] == ["s2", "s1", "s3"]
