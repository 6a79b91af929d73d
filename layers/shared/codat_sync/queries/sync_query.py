"""The history of syncs: what may be asked of it, and what it lists. Rules only.

Every question is bounded: a period of days, a page of rows, a number of requests to the table. What is not answered for
that is said to be cut, or has a cursor that leads to the rest.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum

from codat_sync.core.errors import InvalidQueryError
from codat_sync.syncs.status_codes import Outcome

# A day is a partition of the table's index, and a request at least.
MAX_DAYS = 92
_DEFAULT_DAYS = 30
# What sorts by anything but time has to have all of it at hand.
MAX_SORTED = 1000
_FIRST_DAY = date(2015, 1, 1)  # Codat is not older.
_POSITION = re.compile(r"\d{4}-\d\d-\d\d(~|T\d\d:\d\d:\d\d\.\d{3}Z#[A-Za-z0-9._:@+=-]{1,128})?", re.ASCII)
# Sorts after every moment of its day.
_END_OF_DAY = "~"


class Sort(StrEnum):
    """What the history is sorted by."""

    TIME = "time"
    COMPANY = "companyId"
    CODE = "code"
    OUTCOME = "outcome"
    TRANSACTIONS = "transactions"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ListedSync:
    """A sync as lists show it.

    ``at`` is what it is listed by: Codat's ``syncUtc``, or when we first heard of it. ``code`` is None while nothing
    but an event has told of it.
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

    @property
    def position(self) -> str:
        """Where it stands in the order of time."""
        return f"{self.at}#{self.sync_id}"


@dataclass(frozen=True, slots=True)
class Period:
    """Some days in a row, both ends included, in UTC."""

    first: date
    last: date

    @property
    def days(self) -> list[date]:
        """Its days, oldest first."""
        return [self.first + timedelta(days=number) for number in range((self.last - self.first).days + 1)]

    def __contains__(self, at: str) -> bool:
        return self.first.isoformat() <= at[:10] <= self.last.isoformat()


def period(first: date | None, last: date | None, today: date) -> Period:
    """Return the days from ``first`` to ``last``, a month up to today where that is not said.

    Raises InvalidQueryError if it is back to front, or longer than ``MOST_DAYS``.
    """
    if last and last < _FIRST_DAY:
        raise InvalidQueryError("to", "must be a day on which there was a Codat")
    end = last or (max(today, first) if first else today)
    start = first or end - timedelta(days=_DEFAULT_DAYS - 1)
    if start > end:
        raise InvalidQueryError("from", f"must not be later than `to` ({end})")
    if start < _FIRST_DAY or end > today + timedelta(days=366):
        raise InvalidQueryError("from", "must be a day on which there was a Codat, and `to` at most a year ahead")
    if (end - start).days >= MAX_DAYS:
        raise InvalidQueryError("to", f"must be less than {MAX_DAYS} days after `from`")
    return Period(start, end)


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """What is asked of the history: syncs of a period, of one company or all, of those codes or outcomes."""

    period: Period
    company_id: str | None = None
    codes: frozenset[int] = frozenset()
    outcomes: frozenset[Outcome] = frozenset()
    sort: Sort = Sort.TIME
    newest_first: bool = True
    limit: int = 25

    @property
    def is_filtered(self) -> bool:
        """Whether some of what is read is not wanted."""
        return bool(self.codes or self.outcomes)

    def is_match(self, row: ListedSync) -> bool:
        """Return whether a sync of the period is asked for."""
        is_of_code = not self.codes or row.code in self.codes
        return is_of_code and (not self.outcomes or row.outcome in self.outcomes)

    def days_after(self, position: str | None) -> list[date]:
        """Return the days that are still to be read after a position, in order."""
        if self.newest_first:
            return [day for day in reversed(self.period.days) if position is None or day.isoformat() < position]
        return [day for day in self.period.days if position is None or f"{day}{_END_OF_DAY}" > position]

    def end_of(self, day: date) -> str:
        """Return the position at which all of a day has been read."""
        return day.isoformat() if self.newest_first else f"{day}{_END_OF_DAY}"

    def sorted(self, rows: Iterable[ListedSync]) -> list[ListedSync]:
        """Return ``rows`` in the order that is asked for; what is alike, newest first."""
        newest_first = sorted(rows, key=lambda row: row.position, reverse=True)
        return sorted(newest_first, key=lambda row: _sort_key(row, self.sort), reverse=self.newest_first)


def read_position(text: str) -> str:
    """Return a position that came from outside. Raises InvalidQueryError if it is none."""
    try:
        date.fromisoformat(text[:10])
    except ValueError:
        text = ""
    if not _POSITION.fullmatch(text):
        raise InvalidQueryError("cursor", "is none that was given out")
    return text


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Some rows. ``next_cursor`` leads to those after them; ``is_cut`` tells that not all were looked at to sort."""

    rows: Sequence[ListedSync]
    next_cursor: str | None
    is_truncated: bool = False


@dataclass(slots=True)
class DayTotals:
    """What a day's syncs come to: how many of each outcome, and their transactions."""

    day: date
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    transactions: int = 0
    failed: int = 0

    def add(self, row: ListedSync) -> None:
        """Count a sync."""
        self.outcomes[row.outcome] += 1
        self.transactions += row.transactions
        self.failed += row.failed

    @property
    def syncs(self) -> int:
        """How many syncs there were."""
        return self.outcomes.total()


@dataclass(frozen=True, slots=True)
class Totals:
    """A period's days, oldest first. ``is_cut`` tells that a day has more syncs than were counted."""

    days: Sequence[DayTotals]
    is_truncated: bool

    @property
    def total(self) -> DayTotals:
        """All days together, under the first one's date."""
        whole = DayTotals(self.days[0].day)
        for each in self.days:
            whole.outcomes += each.outcomes
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


def by_day(rows: Iterable[ListedSync], days: Iterable[date]) -> Iterator[DayTotals]:
    """Yield the totals of ``days``, in their order."""
    totals = {day.isoformat(): DayTotals(day) for day in days}
    for row in rows:
        if found := totals.get(row.at[:10]):
            found.add(row)
    yield from totals.values()
