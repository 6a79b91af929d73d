"""Find the causes of the failed syncs of a period. Reads only."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from codat_sync.queries.failures.failure_causes import CauseGroups, Failure, FailureCause
from codat_sync.queries.sync_query import HistoryQuery, ListedSync, Period, position_time
from codat_sync.syncs.failure_causes import normalize_message
from codat_sync.syncs.status_codes import Outcome

if TYPE_CHECKING:
    from codat_sync.queries.sync_details import FailedSync, SyncReader
    from codat_sync.queries.sync_history import SyncHistory


@dataclass(frozen=True, slots=True)
class FailureCauses:
    """Causes of failed syncs, most frequent first.

    ``syncs`` is the number examined. Of ``partial_syncs`` of them, which are very large, only some items were examined.
    ``other_failures`` of very large syncs have causes that are not among the 50 most frequent of their syncs.
    ``reached_to`` is the time back to which the failed syncs were examined; None: to the beginning of the ``period``.
    """

    causes: list[FailureCause]
    syncs: int
    partial_syncs: int
    reached_to: datetime | None
    other_failures: int
    period: Period
    today: date

    @property
    def is_truncated(self) -> bool:
        """Whether not all failures were counted, each under its cause."""
        return self.reached_to is not None or self.partial_syncs > 0 or self.other_failures > 0

    def get(self, cause_id: str) -> FailureCause | None:
        """Return one of the causes by its id; None if it is not among them."""
        return next((each for each in self.causes if each.cause_id == cause_id), None)

    def is_new(self, cause: FailureCause) -> bool:
        """Return whether a cause has occurred since yesterday, and on no other day of the period.

        False if that is not known, as the period has no other days or was not examined to its beginning.
        """
        yesterday = self.today - timedelta(days=1)
        is_known = self.period.first < yesterday and not self.is_truncated
        return is_known and cause.first_at >= yesterday.isoformat()


def find_failure_causes(
    sync_history: "SyncHistory", details: "SyncReader", asked: HistoryQuery, today: date, *, is_whole: bool = False
) -> FailureCauses:
    """Group the failures of the failed syncs that match a query, reading each one's record.

    Examines the newest 200, or all of them if ``is_whole``, as far as the time allows. Raises UnprocessedItemsError.
    """
    limits = sync_history.limits
    query = replace(asked, outcomes=frozenset({Outcome.FAILED}), limit=limits.failed)
    ends_at = sync_history.clock() + limits.whole_seconds - limits.page_seconds
    groups = CauseGroups(today)
    syncs = partial_syncs = other_failures = 0
    cursor: str | None = None
    while True:
        page = sync_history.load_page(query, cursor)
        syncs += len(page.rows)
        for sync in details.load_failed([row.sync_id for row in page.rows]):
            partial_syncs += sync.is_partial
            other_failures += sync.causes.other_failures
            groups.add_all(_failures(sync))
        cursor = page.next_cursor
        if not cursor or not is_whole or sync_history.clock() >= ends_at:
            break
    reached_to = position_time(cursor) if cursor else None
    return FailureCauses(groups.causes(), syncs, partial_syncs, reached_to, other_failures, asked.period, today)


def _failures(sync: "FailedSync") -> Iterator[Failure]:
    """Yield a sync's failures by cause; the sync itself if it has no failed items."""
    for cause in sync.causes.causes:
        yield _failure(sync.listed, cause.text, cause.transaction_id, cause.message, cause.failures)
    if not sync.causes.causes:
        message = sync.status.message if sync.status else None
        yield _failure(sync.listed, normalize_message(message, sync.listed.code), None, message, 1)


def _failure(listed: ListedSync, text: str, transaction_id: str | None, message: str | None, number: int) -> Failure:
    return Failure(listed.company_id, listed.sync_id, listed.at, listed.code, text, transaction_id, message, number)
