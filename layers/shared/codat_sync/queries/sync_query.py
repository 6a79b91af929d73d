"""Define queries of the sync history and their results. Rules only.

Every query is bounded: by a period of days, a page of rows, and the rows examined. An incomplete result says how far it
got, and has a cursor that leads to the rest.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from codat_sync.core.errors import InvalidQueryError
from codat_sync.core.timestamps import format_timestamp, parse_timestamp
from codat_sync.syncs.status_codes import UNDERWAY, Outcome
from codat_sync.syncs.work_category import WorkCategory

# Each day is a partition of the table's index, and takes at least one request.
MAX_DAYS = 92
_DEFAULT_DAYS = 30
_FIRST_DAY = date(2015, 1, 1)  # Codat has no older data.
_POSITION = re.compile(r"\d{4}-\d\d-\d\d(~|T\d\d:\d\d:\d\d\.\d{3}Z#[A-Za-z0-9._:@+=-]{1,128})?", re.ASCII)
# Sorts after every moment of its day.
_END_OF_DAY = "~"
# Sorts after every sync id, almost: ids of 128 times "z" do not occur.
_END_OF_IDS = "z" * 128


class Sort(StrEnum):
    """Sort orders of the history."""

    TIME = "time"
    COMPANY = "companyId"
    CODE = "code"
    OUTCOME = "outcome"
    TRANSACTIONS = "transactions"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ListedSync:
    """A sync as lists show it.

    ``at`` is the time that it is sorted by: Codat's ``syncUtc``, or when we first saw it. ``code`` is None until it was
    fetched from Codat. ``category`` says who has to act on a failed sync; None if it has not failed. ``company_name``
    and ``message`` (Codat's messages of a failure) are not stored with it: see ``companies.names`` and
    ``SyncReader.add_messages``.
    """

    company_id: str
    sync_id: str
    at: str
    outcome: Outcome
    code: int | None
    synced_at: datetime | None
    first_seen_at: datetime | None
    transactions: int
    failed: int
    check_failure: str | None
    is_stuck: bool
    category: WorkCategory | None = None
    company_name: str | None = None
    message: str | None = None

    @property
    def is_resolved(self) -> bool:
        """Whether it has failed, and all failed items have been written since."""
        return self.category is WorkCategory.RESOLVED

    @property
    def is_underway(self) -> bool:
        """Whether it has not ended, as far as we know."""
        return self.outcome in UNDERWAY

    @property
    def position(self) -> str:
        """Its position in the order of time."""
        return f"{self.at}#{self.sync_id}"


@dataclass(frozen=True, slots=True)
class Period:
    """A range of days in UTC, both ends included."""

    first: date
    last: date

    @property
    def days(self) -> list[date]:
        """Its days, oldest first."""
        return [self.first + timedelta(days=number) for number in range((self.last - self.first).days + 1)]

    def __contains__(self, at: str) -> bool:
        return self.first.isoformat() <= at[:10] <= self.last.isoformat()


def period(first: date | None, last: date | None, today: date) -> Period:
    """Build the period from ``first`` to ``last``; by default, the 30 days up to today.

    Raises InvalidQueryError if it is reversed, outside the range of dates, or longer than ``MAX_DAYS``.
    """
    if last and last < _FIRST_DAY:
        raise InvalidQueryError("to", f"must not be before {_FIRST_DAY}")
    end = last or (max(today, first) if first else today)
    start = first or end - timedelta(days=_DEFAULT_DAYS - 1)
    if start > end:
        raise InvalidQueryError("from", f"must not be later than `to` ({end})")
    if start < _FIRST_DAY or end > today + timedelta(days=366):
        raise InvalidQueryError("from", f"must not be before {_FIRST_DAY}, nor `to` more than a year ahead")
    if (end - start).days >= MAX_DAYS:
        raise InvalidQueryError("to", f"must be less than {MAX_DAYS} days after `from`")
    return Period(start, end)


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """A query for the syncs of a period, optionally by company, status codes, outcomes and categories."""

    period: Period
    company_id: str | None = None
    codes: frozenset[int] = frozenset()
    outcomes: frozenset[Outcome] = frozenset()
    categories: frozenset[WorkCategory] = frozenset()
    sort: Sort = Sort.TIME
    newest_first: bool = True
    limit: int = 25

    @property
    def is_filtered(self) -> bool:
        """Whether rows are filtered after they are read."""
        return bool(self.codes or self.outcomes or self.categories)

    def is_match(self, row: ListedSync) -> bool:
        """Return whether a sync of the period matches."""
        is_of_code = not self.codes or row.code in self.codes
        is_of_category = not self.categories or row.category in self.categories
        return is_of_code and is_of_category and (not self.outcomes or row.outcome in self.outcomes)

    def start_after(self, position: str | None) -> str:
        """Return ``position``, or the edge of the period if that comes later: nothing outside it is read."""
        if self.newest_first:
            edge = f"{self.period.last}{_END_OF_DAY}"
            return edge if position is None else min(position, edge)
        edge = self.period.first.isoformat()
        return edge if position is None else max(position, edge)

    def days_after(self, position: str) -> list[date]:
        """Return the days still to read after a position, in order."""
        if self.newest_first:
            return [day for day in reversed(self.period.days) if day.isoformat() < position]
        return [day for day in self.period.days if f"{day}{_END_OF_DAY}" > position]

    def end_of(self, day: date) -> str:
        """Return the position after all of a day's rows."""
        return day.isoformat() if self.newest_first else f"{day}{_END_OF_DAY}"

    def sorted(self, rows: Iterable[ListedSync]) -> list[ListedSync]:
        """Return ``rows`` in the requested order; ties are sorted newest first."""
        newest_first = sorted(rows, key=lambda row: row.position, reverse=True)
        return sorted(newest_first, key=lambda row: _sort_key(row, self.sort), reverse=self.newest_first)


def end_of_day(day: date) -> str:
    """Return the position after everything of a day."""
    return f"{day}{_END_OF_DAY}"


def read_position(text: str) -> str:
    """Validate a position from a request. Raises InvalidQueryError if it is invalid."""
    try:
        date.fromisoformat(text[:10])
    except ValueError:
        text = ""
    if not _POSITION.fullmatch(text):
        raise InvalidQueryError("cursor", "is unknown or expired")
    return text


def position_time(position: str) -> datetime:
    """Return the time that a position stands for: everything on its near side has been read."""
    at = position.partition("#")[0]
    day = datetime.fromisoformat(at[:10]).replace(tzinfo=UTC)
    if at.endswith(_END_OF_DAY):
        return day + timedelta(days=1)
    return parse_timestamp(at) or day


def position_at(at: datetime) -> str:
    """Return the position after all syncs of the time ``at``."""
    return f"{format_timestamp(at)}#{_END_OF_IDS}"


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """A page of rows. ``next_cursor`` leads to the next page.

    ``is_truncated`` means that reading stopped early: before the page was full, or before all rows were sorted.
    ``reached`` is the position up to which the page covers the period; None: to its end. ``sorted`` is the number of
    rows that were sorted, in an order other than that of time.
    """

    rows: Sequence[ListedSync]
    next_cursor: str | None
    is_truncated: bool = False
    reached: str | None = None
    sorted: int = 0

    @property
    def reached_to(self) -> datetime | None:
        """The time up to which the page covers the period; None: to its end."""
        return None if self.reached is None else position_time(self.reached)


@dataclass(slots=True)
class DayTotals:
    """A day's totals: the syncs by outcome, those of the failed ones that are resolved, and their transactions.

    ``is_truncated`` means that it has more syncs than were counted.
    """

    day: date
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    resolved: int = 0
    transactions: int = 0
    failed: int = 0
    is_truncated: bool = False

    def add(self, row: ListedSync) -> None:
        """Count a sync."""
        self.outcomes[row.outcome] += 1
        self.resolved += row.outcome is Outcome.FAILED and row.is_resolved
        self.transactions += row.transactions
        self.failed += row.failed

    @property
    def syncs(self) -> int:
        """Number of syncs."""
        return self.outcomes.total()

    @property
    def underway(self) -> int:
        """Number of syncs that have not ended."""
        return sum(self.outcomes[each] for each in UNDERWAY)


@dataclass(frozen=True, slots=True)
class Totals:
    """Daily totals, oldest first."""

    days: Sequence[DayTotals]

    @property
    def truncated_days(self) -> list[date]:
        """The days that have more syncs than were counted, oldest first."""
        return [each.day for each in self.days if each.is_truncated]

    @property
    def is_truncated(self) -> bool:
        """Whether not all syncs were counted."""
        return bool(self.truncated_days)

    @property
    def total(self) -> DayTotals:
        """All days together, under the first one's date."""
        whole = DayTotals(self.days[0].day)
        for each in self.days:
            whole.outcomes += each.outcomes
            whole.resolved += each.resolved
            whole.transactions += each.transactions
            whole.failed += each.failed
        return whole


def _sort_key(row: ListedSync, sort: Sort) -> tuple[bool, str | int]:
    value: str | int | None
    match sort:
        case Sort.TIME:
            value = row.position
        case Sort.COMPANY:
            value = row.company_id
        case Sort.CODE:
            value = row.code
        case Sort.OUTCOME:
            value = row.outcome.value
        case Sort.TRANSACTIONS:
            value = row.transactions
        case Sort.FAILED:
            value = row.failed
    return (value is not None, 0 if value is None else value)
