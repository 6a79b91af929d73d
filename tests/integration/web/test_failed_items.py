"""Failed items across syncs: filtered, paged through large syncs, and with amounts for who may see them."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from codat_sync.core.timestamps import format_timestamp
from codat_sync.syncs.failure_causes import cause_id
from dev.codat_simulator.books.models import Item
from dev.codat_simulator.books.settling import Outcome, Verdict
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID
from tests.integration.web.api_caller import Api
from tests.support.botocore_calls import count_requests
from tests.support.handlers import StartFunction
from tests.support.sqs_batches import batch, failed, of
from tests.support.submit_requests import EXPENSES, ask, expense

_ARCHIVED, _BUSY = cause_id("Account # is archived."), cause_id("Busy.")


class Books:
    """Codat's companies whose syncs fail, and the API."""

    def __init__(self, start: StartFunction, simulated: SimulatedCodat) -> None:
        self.api = Api(start)
        self.submit, self._worker = start("submit"), start("worker")
        self.simulated = simulated

    def fails(self, *messages: str, days_ago: int = 0, company_id: str = COMPANY_ID, code: int = 5130) -> str:
        """Add a sync of items that fail with these messages; returns its id."""
        items = [Item(f"t{n}", "PushError", "expense", text) for n, text in enumerate(messages)]
        at = format_timestamp(datetime.now(UTC) - timedelta(days=days_ago))
        sync = self.simulated.add_sync(self.simulated.company(company_id), code, items, sync_utc=at)
        self.hears(sync.sync_id)
        return sync.sync_id

    def hears(self, sync_id: str) -> None:
        """Deliver the webhook of a sync."""
        message = of(self.simulated, self.simulated.sync(sync_id), f"msg_{uuid4()}")
        assert failed(self._worker(batch(message))) == []

    def pages(self, query: str) -> list[tuple[str, str | None]]:
        """Return the syncs and transactions of all pages of two items each."""
        found: list[tuple[str, str | None]] = []
        cursor = ""
        while True:
            page = self.api.send("GET", f"/failed-items?limit=2&{query}{cursor}").body
            assert len(page["items"]) <= 2
            found += [(each["syncId"], each["transactionId"]) for each in page["items"]]
            if page["nextCursor"] is None:
                return found
            cursor = f"&cursor={page['nextCursor'].replace('#', '%23').replace('+', '%2B')}"


@pytest.fixture
def books(start: StartFunction, simulated: SimulatedCodat) -> Books:
    """Return books without syncs."""
    return Books(start, simulated)


@pytest.mark.parametrize("inline", [200_000, 0], ids=["inline", "parts"])
def test_pages_lead_through_all_syncs_without_repeating_an_item(
    books: Books, monkeypatch: pytest.MonkeyPatch, inline: int
) -> None:
    """The newest sync first; a page may end within a sync, and within a part of it."""
    monkeypatch.setattr("codat_sync.syncs.record.INLINE_BYTES", inline)
    monkeypatch.setattr("codat_sync.syncs.record.PART_BYTES", 300)
    new = books.fails(*(["Account 1 is archived."] * 5))
    whole = books.fails(days_ago=1, code=4000)
    old = books.fails("Account 2 is archived.", "Busy.", "Account 3 is archived.", days_ago=2)
    assert books.pages("") == [
        *((new, f"t{n}") for n in range(5)),
        (whole, None),
        *((old, f"t{n}") for n in range(3)),
    ]
    assert books.pages(f"cause={_BUSY}") == [(old, "t1")]
    assert books.pages("code=4000") == [(whole, None)]
    assert books.pages("companyId=nobody") == []


def test_a_large_sync_without_the_cause_costs_one_read(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its record says which causes it has."""
    monkeypatch.setattr("codat_sync.syncs.record.INLINE_BYTES", 0)
    monkeypatch.setattr("codat_sync.syncs.record.PART_BYTES", 200)
    books.fails(*(["Account 1 is archived."] * 5))
    with count_requests() as requests:
        assert books.api.send("GET", f"/failed-items?companyId={COMPANY_ID}&cause={_BUSY}").body["items"] == []
    assert requests["BatchGetItem"] == 1


def test_a_cursor_of_a_sync_that_was_replaced_is_refused(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its parts may be gone."""
    monkeypatch.setattr("codat_sync.syncs.record.INLINE_BYTES", 0)
    monkeypatch.setattr("codat_sync.syncs.record.PART_BYTES", 150)
    sync_id = books.fails("Busy.", "Busy.")
    cursor = books.api.send("GET", "/failed-items?limit=1").body["nextCursor"].replace("#", "%23")
    assert books.api.send("GET", f"/failed-items?limit=1&cursor={cursor}").status == 200
    books.simulated.change_sync(sync_id, items=(Item("t0", "PushError", "expense", "Busy."),))
    books.hears(sync_id)
    assert books.api.send("GET", f"/failed-items?limit=1&cursor={cursor}").status == 400


def test_only_the_role_expenses_shows_merchants_and_amounts(books: Books) -> None:
    """In the list and in the CSV."""
    body = expense(merchantName="Café Noir", currency="GBP")
    sync_id = str(ask(books.submit, "POST", EXPENSES, [body]).body["syncId"])
    books.simulated.settle(sync_id, Outcome(otherwise=Verdict("PushError", "Busy."), webhook=None))
    books.hears(sync_id)

    def item(roles: str) -> tuple[object, ...]:
        (found,) = books.api.send("GET", "/failed-items", roles=roles).body["items"]
        return found["merchant"], found["currency"], found["amount"] is not None

    assert item("[codat-sync/expenses]") == ("Café Noir", "GBP", True)
    assert item("[codat-sync/retry]") == (None, None, False)
    csv = {
        role: books.api.send("GET", "/failed-items?format=csv", roles=f"[codat-sync/{role}]").text for role in _ROLES
    }
    assert [("Café Noir" in text, "amount" in text) for text in csv.values()] == [(True, True), (False, False)]


_ROLES = ("expenses", "view")


def test_a_cause_names_its_companies_and_what_is_new(books: Books) -> None:
    """Counted since the beginning of today and of yesterday; new is what the rest of the period has not seen."""
    other = books.simulated.add_company().company_id
    books.fails("Account 1 is archived.", "Account 2 is archived.", "Busy.")
    books.fails("Account 3 is archived.", days_ago=5, company_id=other)
    found = books.api.send("GET", f"/causes/{_ARCHIVED}").body
    assert [(each["companyId"], each["failures"], each["syncs"]) for each in found["affected"]] == [
        (COMPANY_ID, 2, 1),
        (other, 1, 1),
    ]
    assert (found["failures"], found["today"], found["sinceYesterday"], found["isNew"]) == (3, 2, 2, False)
    assert books.api.send("GET", f"/causes/{_BUSY}").body["isNew"] is True
    assert books.api.send("GET", f"/causes/{_BUSY}?companyId={other}").status == 404
    assert books.api.send("GET", "/causes/unknown").status == 400
