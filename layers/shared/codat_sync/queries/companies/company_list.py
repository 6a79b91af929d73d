"""Define the list of companies: its rows, filters and sort orders. Rules only."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from operator import itemgetter
from typing import Any

from codat_sync.companies.company import Company, ConnectionState
from codat_sync.core.errors import InvalidQueryError
from codat_sync.reconciliation.completeness import CompanyCompleteness
from codat_sync.syncs.status_codes import Outcome


class CompanySort(StrEnum):
    """Sort orders of the list of companies."""

    NAME = "name"
    PLATFORM = "platform"
    CONNECTION = "connection"
    LAST_SYNC = "lastSync"
    OPEN_FAILURES = "openFailures"
    COMPLETE_AS_OF = "completeAsOf"


@dataclass(frozen=True, slots=True)
class ListedCompany:
    """A company as the list shows it.

    ``last_sync_id`` and ``last_outcome`` are None if the time of its latest sync is known only from Codat's list.
    ``open_failures`` counts its failed syncs that are neither resolved nor dismissed. ``completeness`` is None if it is
    not compared with Codat's list.
    """

    company: Company
    last_sync_at: datetime | None
    last_sync_id: str | None
    last_outcome: Outcome | None
    open_failures: int
    completeness: CompanyCompleteness | None

    @property
    def complete_as_of(self) -> datetime | None:
        """The time at which everything that Codat listed is stored; None if that was never confirmed."""
        return self.completeness.complete_as_of if self.completeness else None


@dataclass(frozen=True, slots=True)
class CompanyQuery:
    """Select companies by text (name, id or platform), connection state, and whether they have open failures."""

    search: str = ""
    connections: frozenset[ConnectionState] = frozenset()
    has_open_failures: bool | None = None
    sort: CompanySort = CompanySort.NAME
    descending: bool = False
    limit: int = 50

    @property
    def is_filtered(self) -> bool:
        """Whether not all companies match."""
        return bool(self.search.strip() or self.connections or self.has_open_failures is not None)

    def is_match(self, row: ListedCompany) -> bool:
        """Return whether a company matches."""
        if self.connections and row.company.connection_state not in self.connections:
            return False
        if self.has_open_failures is not None and bool(row.open_failures) is not self.has_open_failures:
            return False
        wanted = fold_text(self.search.strip())
        company = row.company
        texts = (company.name, company.company_id, company.source_platform, company.target_platform)
        return not wanted or any(wanted in fold_text(text) for text in texts if text)

    def select(self, rows: Iterable[ListedCompany]) -> list[ListedCompany]:
        """Return the matching companies in the requested order: unknown values last, ties by name, then by id."""
        known: list[tuple[Any, ListedCompany]] = []
        unknown: list[ListedCompany] = []
        for row in sorted(filter(self.is_match, rows), key=_tie_breaker):
            value = _sort_value(row, self.sort)
            if value is None:
                unknown.append(row)
            else:
                known.append((value, row))
        known.sort(key=itemgetter(0), reverse=self.descending)
        return [row for _, row in known] + unknown


@dataclass(frozen=True, slots=True)
class CompanyPage:
    """A page of companies. ``total`` counts all that match.

    ``is_truncated`` means that there are more companies than were read. ``is_failure_count_truncated`` means that there
    are more open failures than were counted.
    """

    rows: Sequence[ListedCompany]
    total: int
    next_cursor: str | None
    is_truncated: bool
    is_failure_count_truncated: bool


def fold_text(text: str) -> str:
    """Return a text without case and accents: `Bäckerei` and `backerei` are the same."""
    return "".join(each for each in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(each))


def read_offset(cursor: str | None) -> int:
    """Return the number of companies before a page. Raises InvalidQueryError if the cursor is invalid."""
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) <= 6):  # noqa: PLR2004 - more than are ever read
        raise InvalidQueryError("cursor", "is unknown or expired")
    return int(cursor)


def _tie_breaker(row: ListedCompany) -> tuple[bool, str, str]:
    name = row.company.name
    return not name, fold_text(name or ""), row.company.company_id


def _sort_value(row: ListedCompany, sort: CompanySort) -> str | int | datetime | None:
    company = row.company
    match sort:
        case CompanySort.NAME:
            return fold_text(company.name) if company.name else None
        case CompanySort.PLATFORM:
            return fold_text(company.target_platform) if company.target_platform else None
        case CompanySort.CONNECTION:
            return company.connection_state.value
        case CompanySort.LAST_SYNC:
            return row.last_sync_at
        case CompanySort.OPEN_FAILURES:
            return row.open_failures
        case CompanySort.COMPLETE_AS_OF:
            return row.complete_as_of
