"""List companies by name, with connection, latest sync, open failures and completeness, in pages of the JSON API."""

import csv
import io
from datetime import UTC, datetime
from typing import Any

import pytest

from codat_sync.aws.dynamodb import Table
from codat_sync.aws.table_schema import (
    company_key,
    company_list_keys,
    latest_sync_key,
    reconcile_index_keys,
    reconciliation_key,
    retry_key,
    work_partition,
)
from codat_sync.companies.reconciliation_start import schedule_reconciliation
from codat_sync.core.timestamps import format_timestamp
from codat_sync.queries.companies.company_list import CompanyQuery, CompanySort
from codat_sync.queries.companies.company_reader import CompanyLimits, CompanyReader
from dev.codat_simulator.books.models import Item
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID
from tests.integration.web.test_api import Health
from tests.support.aws import Aws
from tests.support.botocore_calls import count_requests
from tests.support.handlers import StartFunction

_NOW = format_timestamp(datetime.now(UTC))
_PATIENT = CompanyLimits(page_seconds=600)  # the emulated table takes seconds per megabyte
_BY_FAILURES = CompanyQuery(sort=CompanySort.OPEN_FAILURES, descending=True)


@pytest.fixture
def health(start: StartFunction, simulated: SimulatedCodat, aws: Aws) -> Health:
    """Return a client of the API, and a worker."""
    del aws
    return Health(start, simulated)


@pytest.fixture
def table(aws: Aws) -> Table:
    """Return SyncTable."""
    return Table(aws.dynamodb, "syncs")


def _list(health: Health, **query: object) -> list[dict[str, Any]]:
    answer = health.ask("/companies", **query)
    assert answer.status == 200, answer.text
    return list(answer.body["companies"])


def _add_open_failure(table: Table, company_id: str, sync_id: str, category: str = "ourTeam") -> None:
    partition = work_partition(category)
    item = {
        "summary": {"companyId": company_id, "syncId": sync_id},
        partition.name: partition.value,
        partition.sort: f"{_NOW}#{sync_id}",
    }
    table.put(retry_key(sync_id) | item, {})


def test_a_company_is_listed_with_its_first_sync_without_reconciliation(health: Health) -> None:
    """Its name, platforms and connection come with the sync; nothing compares it with Codat's list."""
    sync = health.knows(2000, [Item("a")])
    (found,) = _list(health)
    assert found == {
        "companyId": COMPANY_ID,
        "companyName": "Bäckerei Toft",
        "sourcePlatform": "Partner Expense",
        "targetPlatform": "Xero",
        "connection": "linked",
        "connectionStatus": "Linked",
        "lastSyncAt": found["lastSyncAt"],
        "lastSyncId": sync.sync_id,
        "lastOutcome": "succeeded",
        "openFailures": 0,
        "completeAsOf": None,
        "comparedAt": None,
        "isIncomplete": False,
        "problem": None,
    }
    assert health.ask(f"/syncs/{sync.sync_id}").body["sync"]["at"] == found["lastSyncAt"]


def test_the_latest_sync_is_that_of_codats_time_however_late_others_arrive(
    health: Health, simulated: SimulatedCodat
) -> None:
    """An older sync that is stored later does not replace it; its own changes do."""
    latest = health.knows(1000, [Item("a", "Pending")])
    health.knows(5130, [Item("b", "PushError")], days_ago=1)
    assert [row["lastSyncId"] for row in _list(health)] == [latest.sync_id]
    assert [row["lastOutcome"] for row in _list(health)] == ["inProgress"]
    health.hears(simulated.change_sync(latest.sync_id, code=2000, items=(Item("a"),)), "msg_2")
    assert [row["lastOutcome"] for row in _list(health)] == ["succeeded"]


def test_a_company_of_codats_list_is_listed_before_any_event(health: Health, table: Table) -> None:
    """By its id, until the worker has fetched it; with the time of the latest sync that Codat lists."""
    schedule_reconciliation(table, "only-listed", datetime.now(UTC))
    summary = {"companyId": "only-listed", "latestAt": _NOW, "completeAsOf": _NOW, "reasons": {"missing": 1}}
    table.update(reconciliation_key("only-listed"), {"summary": summary}, {})
    (found,) = _list(health)
    assert (found["companyId"], found["companyName"], found["lastSyncId"]) == ("only-listed", None, None)
    assert found["lastSyncAt"] == found["completeAsOf"] is not None
    assert found["isIncomplete"]


def test_companies_are_filtered_sorted_and_paged(health: Health, simulated: SimulatedCodat, table: Table) -> None:
    """Everything together, and in CSV."""
    names = {simulated.add_company(name=name).company_id: name for name in ("Zebra", "Ähre", "mango")}
    ids = {name: company_id for company_id, name in names.items()}
    for company_id in names:
        health.knows(2000, [], company_id=company_id)
    for number, category in enumerate(("ourTeam", "scheduled", "resolved", "dismissed")):
        _add_open_failure(table, ids["mango"], f"s{number}", category)
    _add_open_failure(table, ids["Zebra"], "s9", "customer")
    assert [row["companyName"] for row in _list(health)] == ["Ähre", "mango", "Zebra"]
    by_failures = _list(health, sort="openFailures", order="desc")
    assert [(row["companyName"], row["openFailures"]) for row in by_failures] == [
        ("mango", 2),
        ("Zebra", 1),
        ("Ähre", 0),
    ]
    assert [row["companyName"] for row in _list(health, hasOpenFailures="true")] == ["mango", "Zebra"]
    assert [row["companyName"] for row in _list(health, search="ahr")] == ["Ähre"]
    assert _list(health, connection="deauthorized") == []
    assert len(_list(health, connection=["deauthorized", "linked"])) == 3
    first = health.ask("/companies", limit=2).body
    assert (first["total"], first["isTruncated"], first["isFailureCountTruncated"]) == (3, False, False)
    last = health.ask("/companies", limit=2, cursor=first["nextCursor"]).body
    assert [row["companyName"] for row in last["companies"]] == ["Zebra"]
    assert last["nextCursor"] is None
    assert health.ask("/companies", cursor="x").status == 400
    assert health.ask("/companies", connection="splendid").status == 400
    rows = list(csv.DictReader(io.StringIO(health.ask("/companies", format="csv", limit=1).text)))
    assert [row["companyName"] for row in rows] == ["Ähre", "mango", "Zebra"]
    assert [row["openFailures"] for row in rows] == ["0", "2", "1"]


def test_a_list_of_many_companies_takes_a_request_per_megabyte(table: Table) -> None:
    """None per company. A list that ends early says so."""
    _fill(table, 3000)
    with count_requests() as requests:
        page = CompanyReader(table, _PATIENT).load_page(_BY_FAILURES, None)
    assert (page.total, page.is_truncated, page.is_failure_count_truncated) == (3000, False, False)
    assert [row.open_failures for row in page.rows[:2]] == [1, 0]
    assert requests["Query byReconcile"] <= 3
    assert requests["Query byCompany"] <= 3 + 5
    assert set(requests) == {"Query byReconcile", "Query byCompany"}

    some = CompanyReader(table, CompanyLimits(companies=10))
    assert some.load_page(CompanyQuery(), None).is_truncated
    late = CompanyReader(table, CompanyLimits(page_seconds=0, whole_seconds=0))
    assert late.load_page(CompanyQuery(), None).is_failure_count_truncated
    assert late.load_all(CompanyQuery()).is_truncated


def _fill(table: Table, number: int) -> None:
    """Store companies of a realistic size."""
    ids = [f"{n:08}-b13e-11ed-afa1-0242ac120002" for n in range(number)]
    company = {"name": "A company's name", "sourcePlatform": "Partner Expense", "targetPlatform": "QuickBooks Online"}
    company |= {"connectionStatus": "Linked"}
    state = {"begunAt": _NOW, "comparedAt": _NOW, "completeAsOf": _NOW, "listed": 100, "reasons": {}, "omitted": 0}
    state |= {"omittedBefore": None, "missing": 0, "latestAt": _NOW, "stalledRuns": 0, "problem": None, "isQuiet": True}
    table.put_all(
        item
        for each in ids
        for item in (
            company_key(each)
            | company_list_keys(each)
            | {"summary": {"companyId": each, **company, "isDeleted": False}},
            latest_sync_key(each)
            | company_list_keys(each, is_latest_sync=True)
            | {"summary": {"companyId": each, "syncId": each, "at": _NOW, "outcome": "succeeded"}},
            reconciliation_key(each) | reconcile_index_keys(_NOW) | {"summary": {"companyId": each, **state}},
        )
    )
    _add_open_failure(table, ids[-1], "s")
