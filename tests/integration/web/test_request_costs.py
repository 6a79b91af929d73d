"""Count the requests that reads cost on a large table.

`python -m benchmarks.health` counts the same over 100,000 syncs.
"""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from codat_sync.aws.dynamodb import Table
from codat_sync.companies.repository import CompanyRepository
from codat_sync.queries.sync_details import SyncReader
from codat_sync.queries.sync_history import HistoryLimits, SyncHistory
from codat_sync.queries.sync_index import SyncIndex
from codat_sync.queries.sync_query import HistoryQuery, Period, Sort
from tests.support.aws import Aws
from tests.support.botocore_calls import count_requests
from tests.support.tables.sync_table import fill

_NOW = datetime.now(UTC).replace(hour=12)  # when the day has syncs enough for a page
_MONTH = Period(_NOW.date() - timedelta(days=29), _NOW.date())
_NUMBER = 3000


@pytest.fixture
def table(aws: Aws) -> Table:
    """Return a table with a month of syncs."""
    fill(aws.dynamodb, "syncs", _NUMBER, _NOW, companies=2)
    return Table(aws.dynamodb, "syncs")


def test_a_month_of_syncs_is_read_in_few_requests(table: Table, aws: Aws) -> None:
    """One for a first page, three for a sync, and for totals one per day plus one per megabyte of index."""
    sync_history = SyncHistory(SyncIndex(table))
    with count_requests() as requests:
        page = sync_history.load_page(HistoryQuery(_MONTH), None)
    assert (len(page.rows), requests) == (25, Counter({"Query byDay": 1}))

    company_id = page.rows[0].company_id
    with count_requests() as requests:
        page = sync_history.load_page(HistoryQuery(_MONTH, company_id), None)
    assert (len(page.rows), requests) == (25, Counter({"Query byCompany": 1}))

    details = SyncReader(table, CompanyRepository(table, event_retention=timedelta()))
    with count_requests() as requests:
        assert details.load(page.rows[0].sync_id)
    assert requests.total() == 3

    with count_requests() as requests:
        assert sync_history.totals(_MONTH, None).total.syncs == _NUMBER
    assert requests == Counter({"Query byDay": 30})

    fill(aws.dynamodb, "syncs", _NUMBER, _NOW, companies=1)  # the same, all of one company now
    only = next(iter(sync_history.load_page(HistoryQuery(_MONTH), None).rows)).company_id
    with count_requests() as requests:
        assert sync_history.totals(_MONTH, only).total.syncs == _NUMBER
    assert 2 <= requests["Query byCompany"] <= 3  # a megabyte has about 2,500


def test_a_search_without_matches_reads_each_day_once(aws: Aws) -> None:
    """A filter that nothing passes takes a request per day, and says that nothing is left."""
    fill(aws.dynamodb, "syncs", 50, _NOW)
    sync_history = SyncHistory(SyncIndex(Table(aws.dynamodb, "syncs")))
    query = HistoryQuery(Period(_NOW.date() - timedelta(days=91), _NOW.date()), codes=frozenset({4260}))
    with count_requests() as requests:
        page = sync_history.load_page(query, None)
    assert (page.rows, page.next_cursor, requests.total()) == ([], None, 92)


def test_a_search_without_matches_in_a_large_table_stops_with_a_cursor(table: Table) -> None:
    """It reads a limited number of rows, and a request more for each day read ahead."""
    sync_history = SyncHistory(SyncIndex(table), HistoryLimits(examined=1000))
    query = HistoryQuery(_MONTH, codes=frozenset({4260}))
    with count_requests() as requests:
        page = sync_history.load_page(query, None)
    assert (page.rows, page.is_truncated) == ([], True)
    assert page.reached_to
    assert requests.total() <= 1 + 2 + 4 + 8


def test_an_empty_day_more_or_less_does_not_change_a_sorted_list(aws: Aws) -> None:
    """One sync in 92 days is all there is to sort."""
    fill(aws.dynamodb, "syncs", 1, _NOW)
    longest = Period(_NOW.date() - timedelta(days=91), _NOW.date())
    page = SyncHistory(SyncIndex(Table(aws.dynamodb, "syncs"))).load_page(HistoryQuery(longest, sort=Sort.FAILED), None)
    assert (len(page.rows), page.is_truncated) == (1, False)


def test_what_sorts_by_anything_but_time_sorts_a_thousand_and_says_so(table: Table) -> None:
    """Sort the newest ones in few requests."""
    sync_history = SyncHistory(SyncIndex(table))
    with count_requests() as requests:
        page = sync_history.load_page(HistoryQuery(_MONTH, sort=Sort.FAILED, limit=5), None)
    assert page.is_truncated
    assert [row.failed for row in page.rows] == [7] * 5
    assert requests.total() <= 1 + 2 + 4 + 8
