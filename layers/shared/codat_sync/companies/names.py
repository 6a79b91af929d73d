"""Give rows that name a company by its id that company's name: users know customers by their names."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

if TYPE_CHECKING:
    from codat_sync.companies.repository import CompanyRepository


class OfCompany(Protocol):
    """A dataclass with a company's id, which may be absent, and its name, None if it is not known."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def company_id(self) -> str | None: ...  # noqa: D102 - see above

    @property
    def company_name(self) -> str | None: ...  # noqa: D102 - see above


T = TypeVar("T", bound=OfCompany)


class CompanyNames:
    """The names of companies, each loaded once."""

    def __init__(self, companies: "CompanyRepository") -> None:
        self._companies = companies
        self._known: dict[str, str | None] = {}

    def add_to(self, rows: Sequence[T]) -> list[T]:
        """Return ``rows`` with the names of their companies: a request per 100. Raises UnprocessedItemsError."""
        new = {row.company_id for row in rows if row.company_id} - self._known.keys()
        self._known |= dict.fromkeys(new) | self._companies.load_names(new)
        return [replace(row, company_name=self._known.get(row.company_id or "")) for row in rows]
