"""Read a list with the names of its companies."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from codat_sync.companies.names import OfCompany
from codat_sync.core.iterables import batched
from codat_sync.queries.listing import Listing

if TYPE_CHECKING:
    from codat_sync.companies.repository import CompanyRepository

_ROWS_AT_ONCE = 500

T = TypeVar("T", bound=OfCompany)


class NamedRows(Listing[T]):
    """The rows of a list with their companies' names: each name is loaded once, those of 500 rows together.

    Raises what the list does, and UnprocessedItemsError.
    """

    def __init__(self, listing: Listing[T], companies: "CompanyRepository") -> None:
        self._listing = listing
        self._companies = companies
        self._cursor = listing.cursor
        self._names: dict[str, str | None] = {}

    @property
    def cursor(self) -> str | None:
        """The cursor after the rows yielded so far, although the list was read further."""
        return self._cursor

    def rows(self) -> Iterator[T]:
        """Yield the rows."""
        for some in batched(((row, self._listing.cursor) for row in self._listing.rows()), _ROWS_AT_ONCE):
            self._load_names({row.company_id for row, _ in some if row.company_id})
            for row, self._cursor in some:
                yield replace(row, company_name=self._names.get(row.company_id or ""))
        self._cursor = self._listing.cursor

    def _load_names(self, company_ids: set[str]) -> None:
        new = sorted(company_ids - self._names.keys())
        self._names |= dict.fromkeys(new) | self._companies.load_names(new)
