"""Search from any page: whatever is typed, and whatever was typed before."""

import re

import httpx
import pytest

from dev.stored_events import COMPANY_ID
from tests.pages.world import MERCHANT, World

pytestmark = [
    pytest.mark.xdist_group("pages"),
    # All functions share this process's metrics.
    pytest.mark.filterwarnings("ignore:No application metrics:UserWarning"),
]

_WEIRD = ["a b", " ", "", "'\"><script>", "🍕", "x" * 10_000, "\0", "\u202eabc", "#", "a,b", "%", "שלום", "1" * 5_000]


@pytest.fixture
def indexed(world: World) -> World:
    """Return the world once everything in it is indexed."""
    world.submit_what_fails()
    world.indexing.catch_up()
    return world


@pytest.mark.parametrize(("path", "parameter"), [("search", "q"), ("syncs", "search")])
def test_no_text_is_an_error(client: httpx.Client, path: str, parameter: str) -> None:
    """Neither in the search box, nor in the one of the history, which leads there."""
    for text in _WEIRD:
        answer = client.get(path, params={parameter: text}, follow_redirects=True)
        assert answer.status_code == 200, text[:20]
        assert "<script>" not in answer.text.replace("<script src", "")
    for raw in ("%ff%fe", "%ed%a0%bd", "%", "+", "%00"):
        assert client.get(f"{path}?{parameter}={raw}", follow_redirects=True).status_code == 200, raw


def test_a_whole_id_leads_to_what_it_is_the_id_of(indexed: World, client: httpx.Client) -> None:
    """Of a sync, a company or a transaction."""
    for text, path in (
        (indexed.failed_sync.sync_id, f"syncs/{indexed.failed_sync.sync_id}"),
        (COMPANY_ID, f"company/{COMPANY_ID}"),
        (indexed.submitted_ids[0], f"company/{COMPANY_ID}/transactions/{indexed.submitted_ids[0]}"),
    ):
        answer = client.get("search", params={"q": text}, follow_redirects=True)
        assert answer.status_code == 200
        assert str(answer.url).endswith(path)


@pytest.mark.usefixtures("indexed")
def test_what_was_submitted_is_escaped(client: httpx.Client) -> None:
    """A merchant's name may contain anything."""
    text = client.get("search", params={"q": "café"}).text
    assert "Café &lt;b&gt;Noir&lt;/b&gt;" in text
    assert MERCHANT not in text


@pytest.mark.usefixtures("indexed")
def test_an_amount_is_found_with_a_decimal_comma(client: httpx.Client) -> None:
    """A comma, which separates values of other parameters, is part of this one."""
    links = re.compile(r"/transactions/[^\"]+")
    text = client.get("search", params={"q": "120,10"}).text
    assert "Expenses by amount" in text
    assert set(links.findall(text)) == set(links.findall(client.get("search", params={"q": "120.10"}).text)) != set()
    assert "Nothing begins with this" in client.get("search", params={"q": "120,19"}).text


def test_a_text_that_is_too_long_or_too_short_says_so(client: httpx.Client) -> None:
    """Though it is searched for as far as that goes."""
    assert "first 200 characters" in client.get("search", params={"q": "word " * 100}).text
    assert "at least two characters" in client.get("search", params={"q": "é"}).text
