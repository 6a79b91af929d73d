"""Find whatever an agent has, by its beginning, as far as the viewer may."""

import json
from typing import Any

import pytest

from codat_sync.auth.roles import Role
from codat_sync.aws.table_schema import body_key
from codat_sync.search.service import MAX_RESULTS
from dev.codat_simulator.books.models import Item
from dev.stored_events import COMPANY_ID, SYNC_ID, TRANSACTION_IDS
from tests.support.botocore_calls import count_requests
from tests.support.searching import Searching

_EXPENSE_KINDS = {"merchant", "reference", "amount"}


def test_ids_are_found_by_their_beginning(searching: Searching) -> None:
    """Of a sync, its company and its transactions, whatever their letter case."""
    searching.hear(searching.simulated.sync(SYNC_ID))
    searching.catch_up()
    for kind, wanted in (("sync", SYNC_ID), ("company", COMPANY_ID), ("transaction", TRANSACTION_IDS[0])):
        for length in (2, 10, 36):
            for text in (wanted[:length], wanted[:length].upper(), f' "{wanted[:length]}" '):
                assert wanted in searching.find(text)[kind], text


def test_a_company_is_found_by_the_words_of_its_name(searching: Searching) -> None:
    """As it is called now, in any order of the words."""
    company = searching.simulated.company(COMPANY_ID)
    searching.hear(searching.simulated.sync(SYNC_ID))
    searching.catch_up()
    words = company.name.split()
    for text in (company.name, company.name.upper(), words[-1][:3], " ".join(reversed(words))):
        assert searching.find(text)["company"] == [COMPANY_ID], text


_KINDS_BY_TEXT: dict[str, set[str]] = {
    "uber": {"merchant"},
    "UBER *eats": {"merchant"},
    "eat": {"merchant"},
    "inv-20": {"reference"},
    "2026/7": {"reference"},
    "120.10": {"amount"},
    "120,1": {"amount"},
    "£120.10": {"amount"},
    "100.10": {"amount"},  # without tax
    "uber 120.10": {"merchant", "amount"},
    "120.10 eats": {"merchant", "amount"},
    "eats inv": {"merchant"},
    "uber 2026": {"merchant"},
    "uber 99": set(),
    "uberx": set(),
    "120.11": set(),
}


def test_an_expense_is_found_by_what_was_submitted(searching: Searching) -> None:
    """By its merchant, reference or amount, or by several of them together."""
    wanted = searching.submit_expense(merchantName="Uber *Eats", reference="INV-2026/7")
    searching.submit_expense(merchantName="Shell 24", lines=[{"netAmount": 9.5, "taxAmount": 1}])
    searching.catch_up()
    for text, kinds in _KINDS_BY_TEXT.items():
        assert searching.find(text) == {kind: [wanted] for kind in kinds}, text
    assert searching.answer("120,1")["query"] == "120,1"  # A comma, which ends other parameters' values, does not.


def test_a_result_shows_what_was_submitted(searching: Searching) -> None:
    """With the company's name, and no other fields of the body."""
    searching.hear(searching.simulated.sync(SYNC_ID))
    wanted = searching.submit_expense(merchantName="Café Noir", reference="R-1", notes="private")
    searching.catch_up()
    (group,) = searching.answer("café")["groups"]
    (found,) = group["results"]
    assert found.pop("expense") | {"recordedAt": None} == {
        "merchant": "Café Noir",
        "reference": "R-1",
        "amount": "120.10",
        "currency": "GBP",
        "date": "2026-11-24T00:00:00+00:00",
        "recordedAt": None,
    }
    assert found == {
        "companyId": COMPANY_ID,
        "companyName": searching.simulated.company(COMPANY_ID).name,
        "syncId": None,
        "transactionId": wanted,
        "isExact": False,
        "sync": None,
    }
    assert "private" not in json.dumps(searching.entries(), default=str)


def test_the_best_come_first(searching: Searching) -> None:
    """The whole text before its beginning, the newest of the same, and groups with an exact result."""
    longer = searching.submit_expense(merchantName="Uber Eats", reference="x")
    longest = searching.submit_expense(merchantName="Ubereats", reference="Hilton")
    searching.submit_expense(merchantName="Hilton Hotels", reference="y")
    older = searching.submit_expense(merchantName="Uber", reference="uber99")
    newer = searching.submit_expense(merchantName="UBER", reference="z")
    searching.catch_up()
    found = searching.find("uber")
    assert found["merchant"] == [newer, older, longer, longest]
    assert list(found) == ["merchant", "reference"]
    assert list(searching.find("uber9")) == ["reference"]
    assert list(searching.find("hilton")) == ["reference", "merchant"]


def test_a_group_says_that_it_has_more(searching: Searching) -> None:
    """It has so many results, and no sync of a company is read for them."""
    for number in range(MAX_RESULTS + 1):
        searching.submit_expense(merchantName="Hotel", reference=f"ref{number}")
    searching.catch_up()
    (group,) = searching.answer("hotel")["groups"]
    assert (len(group["results"]), group["hasMore"]) == (MAX_RESULTS, True)
    (group,) = searching.answer("ref10")["groups"]
    assert (len(group["results"]), group["hasMore"]) == (1, False)


def test_an_expense_submitted_twice_is_found_once(searching: Searching) -> None:
    """And still by what was submitted first."""
    wanted = searching.submit_expense(merchantName="First Hotel")
    sync = next(each for each in searching.simulated.syncs if each.sync_id != SYNC_ID)
    searching.simulated.change_sync(sync.sync_id, code=5130, items=(Item(wanted, "PushError"),))
    searching.hear(searching.simulated.sync(sync.sync_id))
    searching.submit_expense(id=wanted, merchantName="Second Hotel")
    searching.catch_up()
    assert searching.find("hotel")["merchant"] == [wanted]
    assert searching.find("first")["merchant"] == searching.find("second")["merchant"] == [wanted]


def test_a_request_that_lost_a_race_is_not_found(searching: Searching) -> None:
    """Its body is stored before the claim decides: without its submission, it was not submitted."""
    wanted = searching.submit_expense(merchantName="Submitted")
    lost = {"body": '{"merchantName": "Lost"}', "recordedAt": "2026-11-24T00:00:00.000Z"}
    searching.table.put_all([body_key(COMPANY_ID, wanted, "of-the-loser") | lost])
    searching.catch_up()
    assert searching.find("submitted")["merchant"] == [wanted]
    assert searching.find("lost") == {}


@pytest.mark.parametrize("roles", [(Role.VIEW,), (Role.RETRY,)])
def test_without_the_role_nothing_says_what_was_submitted(searching: Searching, roles: tuple[Role, ...]) -> None:
    """Whether or not there is something: the response is the same, and so is what is read."""
    wanted = searching.submit_expense(merchantName="Hotel", reference="INV-1")
    searching.catch_up()

    def ask(text: str) -> tuple[dict[str, Any], object]:
        with count_requests() as requests:
            answer = searching.answer(text, roles)
        return answer | {"query": None}, requests

    for known, unknown in (("hotel", "motel"), ("inv-1", "inw-1"), ("120.10", "120.11"), ("hotel 120.10", "xx 120.10")):
        assert ask(known) == ask(unknown)
        assert set(ask(known)[0]["hiddenKinds"]) == _EXPENSE_KINDS
    assert searching.find(wanted[:8], roles) == {"transaction": [wanted]}
    assert "expense" not in json.dumps(searching.answer(wanted[:8], roles)["groups"]).replace('"expense": null', "")


_WEIRD = [
    "a b",
    " ",
    "",
    "'\"`<script>alert(1)</script>",
    "🍕🍕",
    "x" * 10_000,
    "word " * 2_000,
    "\0",
    "a\0b",
    "\u202eabc",  # from right to left
    "שלום",
    "#",
    "FIND#sync#6f",
    "../..",
    "%00%ff",
    "1" * 5_000,
    "1,2,3,4",
    "٣٤٥",
    "\ud83d",
    "İ",
    "a" * 63 + "🍕",
    "-" * 100,
    "q=1&q=2",
]


def test_any_text_is_a_search(searching: Searching) -> None:
    """Whatever it is, it is answered, within the limits."""
    searching.hear(searching.simulated.sync(SYNC_ID))
    searching.submit_expense(merchantName="\ud83d\ude00 \x00#\u202e" * 50, reference=7)
    searching.catch_up()
    for text in _WEIRD:
        with count_requests() as requests:
            answer = searching.answer(text.encode(errors="surrogatepass").decode(errors="replace"))
        assert sum(requests.values()) <= 20, text[:20]
        assert len(answer["query"]) <= 200
        assert answer["query"].isprintable()
