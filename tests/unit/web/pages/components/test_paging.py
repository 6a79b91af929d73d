"""The way through a list and back, carried by its links."""

from urllib.parse import urlsplit

from codat_sync.web.pages.components.paging import Paging
from codat_sync.web.pages.request import PageRequest, page_request
from codat_sync.web.pages.visitor import ANONYMOUS


def _at(link: str) -> PageRequest:
    return page_request({"rawQueryString": urlsplit(link).query}, "/syncs", {}, ANONYMOUS)


def test_every_page_leads_back_to_the_one_before_it_and_knows_its_rows() -> None:
    """Pages may have different numbers of rows; filters are kept on the way."""
    first = Paging(_at("syncs?outcome=failed"), 25, "c1")
    second = Paging(_at(first.next or ""), 10, "c2")
    third = Paging(_at(second.next or ""), 1, None)
    assert [each.rows for each in (first, second, third)] == ["1 to 25", "26 to 35", "36"]
    assert (first.previous, first.start, second.start, third.next) == (None, None, None, None)
    assert third.previous == "./syncs?outcome=failed&cursor=c1&row=26&back=1~"
    assert (second.previous, third.start) == ("./syncs?outcome=failed", "./syncs?outcome=failed")
    assert Paging(_at(third.previous), 10, "c2").previous == "./syncs?outcome=failed"


def test_links_stay_short_however_far_they_lead() -> None:
    """API Gateway limits a request to 10 KB: the way back ends before the first page, which has its own link."""
    at = Paging(_at("syncs"), 50, "2026-11-24T10:00:00.000Z#" + "i" * 36)
    for number in range(100):
        at = Paging(_at(at.next or ""), 50, f"2026-11-24T10:00:00.000Z#{'i' * 33}{number:03}")
    assert at.rows == "5,001 to 5,050"
    assert len(at.next or "") < 4_000
    assert at.start == "./syncs"


def test_a_page_that_was_not_reached_by_paging_numbers_no_rows() -> None:
    """Links from elsewhere have only a cursor, and anyone may change a URL."""
    for query in ("cursor=c", "cursor=c&row=x", "cursor=c&row=-1", "cursor=c&row=%D9%A1", "cursor=c&row=" + "9" * 99):
        at = Paging(_at(f"syncs?{query}"), 5, "next")
        assert (at.first, at.rows, at.previous, at.start) == (None, "", None, "./syncs"), query
        assert at.next == "./syncs?cursor=next"
    assert Paging(_at("syncs?back=1~a&row=7"), 5, None).previous is None
