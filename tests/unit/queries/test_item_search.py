"""Search a sync's items."""

import pytest

from codat_sync.queries.item_search import ItemQuery
from codat_sync.syncs.items import Item, fold

_SPELLINGS = ("expense", "expenses", "Expense", "EXPENSES", " expenses ")


@pytest.mark.parametrize("search", _SPELLINGS)
@pytest.mark.parametrize("stored", ["expense", "expenses", "Expenses"])
def test_each_name_of_a_type_finds_the_same(search: str, stored: str) -> None:
    """Codat uses two names for one type. Records of older versions may have either."""
    (folded,) = fold([{"transactionId": "t", "integrationType": stored}])
    query = ItemQuery(search)
    assert query.is_match(folded)
    assert query.is_match(Item("t", stored, None, None))
    assert query.is_match(Item("my-expenses-1", "bankfeeds", None, None))
    assert not query.is_match(Item("t", "bankfeeds", None, None))


@pytest.mark.parametrize(
    ("search", "is_found"), [("exp", True), ("", True), ("bank", False), ("T", True), ("u", False)]
)
def test_a_part_of_an_id_or_type_is_enough(search: str, *, is_found: bool) -> None:
    """In any case."""
    assert ItemQuery(search).is_match(Item("t", "expense", None, None)) == is_found


@pytest.mark.parametrize("search", ["bankfeed", "bankfeeds", "Bank feed", "bank-feeds", "BANK_FEEDS"])
@pytest.mark.parametrize("stored", ["bankfeed", "bankfeeds", "bankFeeds"])
def test_any_type_is_found_by_any_spelling(search: str, stored: str) -> None:
    """In singular and plural, with blanks, hyphens or capitals."""
    assert ItemQuery(search).is_match(Item("t", stored, None, None))
    assert not ItemQuery(search).is_match(Item("t", "expense", None, None))
    assert not ItemQuery(search).is_match(Item("t", None, None, None))
