"""Which companies a list has, and in which order."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from codat_sync.companies.company import Company, ConnectionState
from codat_sync.core.errors import InvalidQueryError
from codat_sync.queries.companies.company_list import CompanyQuery, CompanySort, ListedCompany, read_offset
from codat_sync.reconciliation.completeness import CompanyCompleteness

_AT = datetime(2026, 11, 1, tzinfo=UTC)


def _row(company_id: str, name: str | None = None, **fields: str) -> ListedCompany:
    company = Company(company_id, name, fields.get("source"), fields.get("target"), fields.get("connection"))
    return ListedCompany(company, None, None, None, 0, None)


_BAKERY = replace(_row("b", "Bäckerei Toft", target="Xero", connection="Linked"), open_failures=2, last_sync_at=_AT)
_ACME = replace(
    _row("a", "acme", source="Partner Expense", target="QuickBooks Online", connection="Deauthorized"),
    completeness=CompanyCompleteness("a", complete_as_of=_AT),
)
_NAMELESS = _row("c")
_ALL = [_BAKERY, _NAMELESS, _ACME]


def _ids(query: CompanyQuery) -> str:
    return "".join(row.company.company_id for row in query.select(_ALL))


@pytest.mark.parametrize(
    ("sort", "ascending", "descending"),
    [
        (CompanySort.NAME, "abc", "bac"),
        (CompanySort.PLATFORM, "abc", "bac"),
        (CompanySort.CONNECTION, "abc", "cba"),
        (CompanySort.LAST_SYNC, "bac", "bac"),
        (CompanySort.OPEN_FAILURES, "acb", "bac"),
        (CompanySort.COMPLETE_AS_OF, "abc", "abc"),
    ],
)
def test_every_order_has_what_is_unknown_last(sort: CompanySort, ascending: str, descending: str) -> None:
    """Ties are in the order of names, whose case and accents do not matter."""
    assert _ids(CompanyQuery(sort=sort)) == ascending
    assert _ids(CompanyQuery(sort=sort, descending=True)) == descending


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (CompanyQuery(search=" BACKEREI "), "b"),
        (CompanyQuery(search="quickbooks"), "a"),
        (CompanyQuery(search="partner"), "a"),
        (CompanyQuery(search="c"), "abc"),  # an id, and parts of names
        (CompanyQuery(search="none"), ""),
        (CompanyQuery(connections=frozenset({ConnectionState.LINKED})), "b"),
        (CompanyQuery(connections=frozenset({ConnectionState.UNKNOWN, ConnectionState.DEAUTHORIZED})), "ac"),
        (CompanyQuery(has_open_failures=True), "b"),
        (CompanyQuery(has_open_failures=False), "ac"),
        (CompanyQuery(search="acme", has_open_failures=True), ""),
    ],
)
def test_filters_are_combined(query: CompanyQuery, expected: str) -> None:
    """A text is searched for in name, id and platforms."""
    assert _ids(query) == expected
    assert query.is_filtered
    assert not CompanyQuery().is_filtered


@pytest.mark.parametrize("cursor", ["", "-1", "1.5", "\u0661", "1000000", "a"])
def test_an_invalid_cursor_is_rejected(cursor: str) -> None:
    """Cursors are numbers of companies."""
    assert read_offset("50") == 50
    with pytest.raises(InvalidQueryError):
        read_offset(cursor)
