"""What may be asked of the history, and in which order it answers."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codat_sync.core.errors import InvalidQueryError
from codat_sync.core.timestamps import format_timestamp
from codat_sync.queries.sync_history import MAX_REQUESTS, SyncHistory
from codat_sync.queries.sync_index import IndexPage
from codat_sync.queries.sync_query import (
    MAX_DAYS,
    HistoryQuery,
    ListedSync,
    Period,
    Sort,
    Totals,
    by_day,
    period,
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
        self.requests = 0

    def list_day(self, day: date, after: str | None, limit: int | None, *, newest_first: bool) -> IndexPage:
        found = [row for row in self._rows if row.at.startswith(day.isoformat())]
        return self._page(found, after, limit, newest_first=newest_first)

    def list_company(self, company_id: str, after: str | None, limit: int | None, *, newest_first: bool) -> IndexPage:
        found = [row for row in self._rows if row.company_id == company_id]
        return self._page(found, after, limit, newest_first=newest_first)

    def _page(self, rows: list[ListedSync], after: str | None, limit: int | None, *, newest_first: bool) -> IndexPage:
        self.requests += 1
        rows = rows[::-1] if newest_first else rows
        if after is not None:
            rows = [row for row in rows if (row.position < after if newest_first else row.position > after)]
        most = min(limit or self._at_once, self._at_once)
        return IndexPage(rows[:most], len(rows) > most)


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


def _pages(sync_history: SyncHistory, index: KnownListing, query: HistoryQuery) -> Iterator[ListedSync]:
    cursor = None
    for _ in range(200):
        before = index.requests
        page = sync_history.load_page(query, cursor)
        assert index.requests - before <= MAX_REQUESTS
        assert len(page.rows) <= query.limit
        yield from page.rows
        cursor = page.next_cursor
        if cursor is None:
            return
    raise AssertionError("the cursors lead nowhere")


@settings(max_examples=200)
@given(rows=_ROWS, query=_QUERIES, at_once=st.integers(1, 9))
def test_pages_together_are_all_that_was_asked_for_each_once_and_in_order(
    rows: list[ListedSync], query: HistoryQuery, at_once: int
) -> None:
    """Whatever fits into a page or an answer of the table's."""
    index = KnownListing(rows, at_once)
    found = list(_pages(SyncHistory(index), index, query))  # type: ignore[arg-type] # it lists
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
    found = SyncHistory(KnownListing(rows, at_once)).totals(asked, company_id)  # type: ignore[arg-type] # it lists
    wanted = [row for row in rows if row.at in asked and company_id in {None, row.company_id}]
    assert found == Totals(list(by_day(wanted, asked.days)), is_truncated=False)
    assert found.total.syncs == len(wanted)


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
