"""The record of a bulk retry: a retry of all failed items that match a filter, across syncs. Rules only."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum

from codat_sync.queries.failures.failed_items import FailureQuery
from codat_sync.queries.sync_query import HistoryQuery, Period

# A sync that crashes the retry function this often is not tried again. Otherwise it would be enqueued forever.
MAX_ATTEMPTS = 5


class BulkRetryState(StrEnum):
    """The state of a bulk retry."""

    RUNNING = "running"
    STOPPED = "stopped"
    FINISHED = "finished"


class EntryState(StrEnum):
    """The state of a sync within a bulk retry."""

    WAITING = "waiting"
    RETRIED = "retried"
    SKIPPED = "skipped"  # the bulk retry was stopped before
    FAILED = "failed"  # given up after ``MAX_ATTEMPTS``: see the log


@dataclass(frozen=True, slots=True)
class FailureFilter:
    """Select failed items by period and, optionally, by company, status codes and cause."""

    first: date
    last: date
    company_id: str | None = None
    codes: frozenset[int] = frozenset()
    cause_id: str | None = None

    @property
    def query(self) -> FailureQuery:
        """The query for these items."""
        return FailureQuery(HistoryQuery(Period(self.first, self.last), self.company_id, self.codes), self.cause_id)


def filter_of(query: FailureQuery) -> FailureFilter:
    """Return the filter of a query."""
    asked = query.history
    return FailureFilter(asked.period.first, asked.period.last, asked.company_id, asked.codes, query.cause_id)


@dataclass(frozen=True, slots=True)
class BulkRetry:
    """A bulk retry: its filter, who requested it and when, and how far its syncs have been selected.

    ``cursor`` is the position up to which they are selected. ``is_truncated`` means that more syncs match than one bulk
    retry can include.
    """

    bulk_retry_id: str
    filter: FailureFilter
    requested_by: str
    requested_at: datetime
    cursor: str | None = None
    is_selected: bool = False
    is_truncated: bool = False
    stopped_by: str | None = None
    stopped_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A sync within a bulk retry.

    ``attempts`` and ``started_at`` describe its processing. ``resubmitted`` is the number of resubmitted transactions.
    ``steps`` counts the other matching transactions by next step.
    """

    company_id: str
    sync_id: str
    state: EntryState = EntryState.WAITING
    attempts: int = 0
    started_at: datetime | None = None
    resubmitted: int = 0
    steps: dict[str, int] = field(default_factory=dict)

    @property
    def is_settled(self) -> bool:
        """Whether this bulk retry is done with the sync."""
        return self.state is not EntryState.WAITING


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a bulk retry: its state, the syncs by state, and the transactions by result."""

    bulk_retry: BulkRetry
    state: BulkRetryState
    syncs: int
    states: Counter[EntryState]
    resubmitted: int
    steps: Counter[str]
    company_name: str | None = None

    @property
    def company_id(self) -> str | None:
        """The company that the bulk retry is limited to, if any."""
        return self.bulk_retry.filter.company_id

    @property
    def settled(self) -> int:
        """The number of syncs that are done."""
        return self.syncs - self.states[EntryState.WAITING]


def progress(bulk_retry: BulkRetry, entries: Iterable[Entry]) -> Progress:
    """Count the entries of a bulk retry.

    An entry counts once, however often it was processed.
    """
    states: Counter[EntryState] = Counter()
    steps: Counter[str] = Counter()
    resubmitted = 0
    for entry in entries:
        states[entry.state] += 1
        steps.update(entry.steps)
        resubmitted += entry.resubmitted
    return Progress(bulk_retry, _state(bulk_retry, states), states.total(), states, resubmitted, steps)


def _state(bulk_retry: BulkRetry, states: Counter[EntryState]) -> BulkRetryState:
    is_done = bulk_retry.is_selected and not states[EntryState.WAITING] and not states[EntryState.SKIPPED]
    if is_done:
        return BulkRetryState.FINISHED
    return BulkRetryState.STOPPED if bulk_retry.stopped_at else BulkRetryState.RUNNING


def skip(entry: Entry) -> Entry:
    """Return the entry as skipped, because its bulk retry was stopped."""
    return replace(entry, state=EntryState.SKIPPED)
