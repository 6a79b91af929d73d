"""Simulated Codat answers as Codat does, traps included."""

import base64
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import httpx
import pytest

from dev.codat_simulator.books import timestamps
from dev.codat_simulator.books.models import Item
from dev.codat_simulator.books.sample_data import generate_items
from dev.codat_simulator.simulator import SimulatedCodat
from tests.support.aws import API_KEY
from tests.support.clock import ManualClock

AUTHORIZED = {"Authorization": "Basic " + base64.b64encode(API_KEY.encode()).decode()}


@pytest.fixture
def client(codat: SimulatedCodat) -> httpx.Client:
    """Give a client with the right key."""
    return httpx.Client(base_url="https://api.codat.io", headers=AUTHORIZED, transport=codat.transport())


def syncs_path(company_id: str) -> str:
    """Give the path of a company's syncs."""
    return f"/companies/{company_id}/sync/expenses/syncs"


def test_status_says_what_is_known_of_the_sync(codat: SimulatedCodat, client: httpx.Client) -> None:
    """A status has all eight fields, its time in seven digits."""
    sync = codat.add_sync(codat.add_company(), 5130, sync_exception_message=None)
    status = client.get(f"{syncs_path(sync.company_id)}/{sync.sync_id}/status").json()
    assert status == {
        "companyId": sync.company_id,
        "syncId": sync.sync_id,
        "syncStatusCode": 5130,
        "syncStatus": "PushError",
        "errorMessage": "The data could not be written.",
        "syncExceptionMessage": None,
        "syncUtc": "2026-03-01T23:00:00.0000000Z",
        "dataPushed": False,
    }


def test_texts_follow_the_code_unless_given(codat: SimulatedCodat) -> None:
    """A sync that succeeds after all loses the error of its former code, but nulls that are asked for stand."""
    sync = codat.add_sync(codat.add_company(), 5000)
    assert codat.change_sync(sync.sync_id, code=2000).error_message is None
    assert codat.change_sync(sync.sync_id, code=1000, sync_status=None, sync_utc=None).sync_status is None
    assert codat.sync(sync.sync_id).code == 1000


@pytest.mark.parametrize(
    ("write", "written"),
    [
        (timestamps.format_seven_fraction_digits, "2022-08-03T01:30:09.0797210Z"),
        (timestamps.format_milliseconds, "2022-08-03T01:30:09.079Z"),
        (timestamps.format_with_offset, "2022-08-03T01:30:09+00:00"),
        (timestamps.format_without_offset, "2022-08-03T01:30:09"),
        (timestamps.format_date, "2022-08-03"),
    ],
)
def test_times_have_any_of_codats_formats(
    codat: SimulatedCodat, client: httpx.Client, write: Callable[[datetime], str], written: str
) -> None:
    """A sync's time is passed on as it was written, and always means UTC."""
    moment = datetime(2022, 8, 3, 3, 30, 9, 79721, tzinfo=timezone(timedelta(hours=2)))
    sync = codat.add_sync(codat.add_company(), sync_utc=write(moment))
    assert client.get(f"{syncs_path(sync.company_id)}/latest/status").json()["syncUtc"] == written


@pytest.mark.parametrize(("name", "code"), [("latest", 5000), ("lastSuccessful", 2040)])
def test_syncs_by_position(codat: SimulatedCodat, client: httpx.Client, name: str, code: int) -> None:
    """The latest sync and the last successful one are found without an id."""
    company = codat.add_company()
    for each in (2000, 2040, 5000):
        codat.add_sync(company, each)
    assert client.get(f"{syncs_path(company.company_id)}/{name}/status").json()["syncStatusCode"] == code


def test_list_is_a_bare_array_of_one_company(codat: SimulatedCodat, client: httpx.Client) -> None:
    """The list of statuses is not paged, and holds no other company's syncs."""
    company = codat.add_company()
    mine = [codat.add_sync(company).sync_id for _ in range(3)]
    codat.add_sync(codat.add_company())
    listed = client.get(f"{syncs_path(company.company_id)}/list/status").json()
    assert sorted(status["syncId"] for status in listed) == sorted(mine)


def test_pages_hold_every_row_once(codat: SimulatedCodat, client: httpx.Client) -> None:
    """Counting pages up to totalResults gives all rows in order."""
    sync = codat.add_sync(codat.add_company(), items=generate_items(250))
    path = f"{syncs_path(sync.company_id)}/{sync.sync_id}/transactions"
    pages = [client.get(path, params={"page": page, "pageSize": 100}).json() for page in (1, 2, 3, 4)]
    assert [len(page["results"]) for page in pages] == [100, 100, 50, 0]
    assert {page["totalResults"] for page in pages} == {250}
    rows = [row["transactionId"] for page in pages for row in page["results"]]
    assert rows == [item.transaction_id for item in sync.items]


def test_next_link_leads_nowhere(codat: SimulatedCodat, client: httpx.Client) -> None:
    """The link to the next page lacks a part of the path, and the last page has none."""
    sync = codat.add_sync(codat.add_company(), items=generate_items(3))
    path = f"{syncs_path(sync.company_id)}/{sync.sync_id}/transactions"
    first, second = (client.get(path, params={"page": page, "pageSize": 2}).json()["_links"] for page in (1, 2))
    assert "/sync/expenses" not in first["next"]["href"]
    assert client.get(first["next"]["href"]).status_code == 404
    assert "next" not in second


def test_large_page_size_is_cut_without_a_word(codat: SimulatedCodat, client: httpx.Client) -> None:
    """Who asks for 5000 rows and counts on them loses those beyond the cap."""
    codat.max_page_size = 100
    sync = codat.add_sync(codat.add_company(), items=generate_items(150))
    page = client.get(
        f"{syncs_path(sync.company_id)}/{sync.sync_id}/transactions", params={"page": 1, "pageSize": 5000}
    ).json()
    assert (page["pageSize"], len(page["results"]), page["totalResults"]) == (100, 100, 150)


@pytest.mark.parametrize("query", ["page=0", "page=-1", "page=one", "pageSize=0", "pageSize=5001", "page=", "page=1.5"])
def test_senseless_page_is_refused(codat: SimulatedCodat, client: httpx.Client, query: str) -> None:
    """A page that cannot be is a 400 that names the parameter."""
    sync = codat.add_sync(codat.add_company())
    response = client.get(f"{syncs_path(sync.company_id)}/{sync.sync_id}/transactions?{query}")
    assert response.status_code == 400
    assert response.json()["validation"]["errors"][0]["itemId"] == query.partition("=")[0]


def test_transaction_is_an_array_of_all_its_rows(codat: SimulatedCodat, client: httpx.Client) -> None:
    """One transaction has a row per type, and a row can come twice word for word."""
    expense, feed = Item("t-1", "PushError", "expense", "no"), Item("t-1", "Completed", "bankfeeds")
    sync = codat.add_sync(codat.add_company(), 5130, [expense, feed, expense, Item("t-2")])
    rows = client.get(f"{syncs_path(sync.company_id)}/{sync.sync_id}/transactions/t-1").json()
    assert [row["integrationType"] for row in rows] == ["expense", "bankfeeds", "expense"]
    assert rows[0] == rows[2]
    assert "message" not in rows[1]


def test_generated_rows_have_the_oddities_of_real_ones() -> None:
    """Among generated rows: a duplicate, nulls, both spellings of a type, and what the code entails."""
    rows = generate_items(100, code=5130)
    assert len(rows) == 100
    assert len(set(rows)) == 99
    assert {row.integration_type for row in rows} == {"expense", "expenses", "bankfeeds", None}
    assert {row.status for row in rows} == {"PushError", "ValidationError", "Completed", None}
    assert any(row.transaction_id is None for row in rows)
    assert {row.status for row in generate_items(50, edge_cases=False)} == {"Completed"}


def test_company_its_connections_and_configuration(codat: SimulatedCodat, client: httpx.Client) -> None:
    """The platforms of a company are in its connections: accounting software is the target."""
    company = codat.add_company("Toft stores", target_platform="QuickBooks Online")
    codat.set_connection_status(company.company_id, "Deauthorized")
    path = f"/companies/{company.company_id}"
    connections = client.get(f"{path}/connections").json()["results"]
    platforms = {each["sourceType"]: (each["platformName"], each["status"]) for each in connections}
    assert platforms == {
        "Expense": ("Partner Expense", "Linked"),
        "Accounting": ("QuickBooks Online", "Deauthorized"),
    }
    assert client.get(path).json()["name"] == "Toft stores"
    assert client.get("/companies").json()["results"][0]["id"] == company.company_id
    assert set(client.get(f"{path}/sync/expenses/config").json()) == {"bankAccount", "supplier", "customer"}


def test_configuration_is_kept(codat: SimulatedCodat, client: httpx.Client) -> None:
    """What was set is read again; a part that is missing is refused, and changes nothing."""
    path = f"/companies/{codat.add_company().company_id}/sync/expenses/config"
    configuration = {"bankAccount": {"id": "1200"}, "supplier": {"id": "s-1"}, "customer": {}}
    assert client.post(path, json=configuration).json() == configuration
    assert client.post(path, json={"bankAccount": {"id": "1"}, "supplier": {"id": "2"}}).status_code == 400
    assert client.get(path).json() == configuration


def test_partner_expense_connection_is_the_one_that_is_listed(codat: SimulatedCodat, client: httpx.Client) -> None:
    """It is there from the start, and can be read alone."""
    path = f"/companies/{codat.add_company().company_id}"
    connection = client.post(f"{path}/sync/expenses/connections/partnerExpense").json()
    assert connection in client.get(f"{path}/connections").json()["results"]
    assert client.get(f"{path}/connections/{connection['id']}").json() == connection
    assert client.get(f"{path}/connections/unknown").status_code == 404


def test_webhook_consumer_shows_its_state_and_filters(codat: SimulatedCodat, client: httpx.Client) -> None:
    """An endpoint that Codat has given up on is shown as disabled."""
    consumer = codat.set_webhook_consumer(
        "https://example.com/webhooks/codat", disabled=True, event_types=["SyncFailed"], company_tags=["region:uk"]
    )
    assert client.get("/webhooks").json()["results"] == [
        {
            "id": consumer.consumer_id,
            "url": "https://example.com/webhooks/codat",
            "disabled": True,
            "eventTypes": ["SyncFailed"],
            "companyTags": ["region:uk"],
        }
    ]


@pytest.mark.parametrize("authorization", ["", "Basic", f"Basic {API_KEY}", "Basic d3Jvbmc=", f"Bearer {API_KEY}"])
def test_wrong_key_is_refused(codat: SimulatedCodat, client: httpx.Client, authorization: str) -> None:
    """A wrong key gets Codat's 401, whatever is asked for, and costs no quota."""
    response = client.get("/companies", headers={"Authorization": authorization})
    assert response.status_code == 401
    assert response.json()["canBeRetried"] == "False"
    assert response.json()["correlationId"]
    assert codat.quota.remaining == 1000


def test_unknown_deleted_and_foreign_are_not_found(codat: SimulatedCodat, client: httpx.Client) -> None:
    """What is not there, no longer there, or another company's is a 404 in Codat's shape."""
    sync, other, gone = codat.add_sync(codat.add_company()), codat.add_company(), codat.add_sync(codat.add_company())
    codat.delete_company(gone.company_id)
    paths = [
        "/nothing/here",
        "/companies/unknown",
        f"{syncs_path(other.company_id)}/{sync.sync_id}/status",
        f"{syncs_path(other.company_id)}/latest/status",
        f"{syncs_path(gone.company_id)}/{gone.sync_id}/status",
        f"{syncs_path(sync.company_id)}/{sync.sync_id}/transactions/unknown",
    ]
    answers = [client.get(path) for path in paths]
    assert {(answer.status_code, answer.json()["error"]) for answer in answers} == {(404, "NotFound")}


def test_quota_runs_out_and_resets_at_midnight(codat: SimulatedCodat, client: httpx.Client, clock: ManualClock) -> None:
    """Without quota there is a 429 that says how long to wait, until 00:00 UTC."""
    codat.add_company()
    codat.quota.leave(1)
    assert client.get("/companies").headers["X-Rate-Limit-Remaining"] == "0"
    refused = client.get("/companies")
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "3600")
    assert refused.headers["X-Rate-Limit-Reset"] == "2026-03-02T00:00:00Z"
    clock.time += timedelta(hours=1)
    assert client.get("/companies").headers["X-Rate-Limit-Remaining"] == "1999"


def test_requests_are_counted(codat: SimulatedCodat, client: httpx.Client) -> None:
    """The log has every request, with its query and how it was answered."""
    company = codat.add_company()
    client.get("/companies", params={"page": 1})
    client.get(f"/companies/{company.company_id}/unknown")
    assert [(entry.query, entry.status) for entry in codat.requests.entries] == [("page=1", 200), ("", 404)]
    assert len(codat.requests.matching("unknown$")) == 1
    assert codat.requests.max_in_flight(company.company_id) == 1
