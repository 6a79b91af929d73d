"""Find the causes of the failed syncs of a period. Reads only."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from codat_sync.queries.failure_causes import CauseGroups, Failure, FailureCause
from codat_sync.queries.sync_query import HistoryQuery, ListedSync, Period, position_time
from codat_sync.syncs.status_codes import Outcome

if TYPE_CHECKING:
    from codat_sync.queries.sync_details import FailedSync, SyncReader
    from codat_sync.queries.sync_history import SyncHistory


@dataclass(frozen=True, slots=True)
class FailureCauses:
    """Causes of failed syncs, most frequent first.

    ``syncs`` is the number examined; of ``partial_syncs`` among them, which have very many items, only some items were.
    ``reached_to`` is the time back to which the failed syncs were examined; None: to the beginning of the period.
    """

    causes: list[FailureCause]
    syncs: int
    partial_syncs: int
    reached_to: datetime | None

    @property
    def is_truncated(self) -> bool:
        """Whether not all failures were examined."""
        return self.reached_to is not None or self.partial_syncs > 0


def find_failure_causes(
    sync_history: "SyncHistory",
    details: "SyncReader",
    period: Period,
    company_id: str | None,
    *,
    is_whole: bool = False,
) -> FailureCauses:
    """Group the failures of a period's failed syncs, reading each one's record.

    Examines the newest 200, or all of them if ``is_whole``, as far as the time allows. Raises UnprocessedItemsError.
    """
    limits = sync_history.limits
    query = HistoryQuery(period, company_id, outcomes=frozenset({Outcome.FAILED}), limit=limits.failed)
    ends_at = sync_history.clock() + limits.whole_seconds - limits.page_seconds
    groups = CauseGroups()
    syncs = partial_syncs = 0
    cursor: str | None = None
    while True:
        page = sync_history.load_page(query, cursor)
        syncs += len(page.rows)
        for sync in details.load_failed([row.sync_id for row in page.rows]):
            partial_syncs += sync.is_partial
            groups.add_all(_failures(sync))
        cursor = page.next_cursor
        if not cursor or not is_whole or sync_history.clock() >= ends_at:
            break
    return FailureCauses(groups.causes(), syncs, partial_syncs, position_time(cursor) if cursor else None)


def _failures(sync: "FailedSync") -> Iterator[Failure]:
    listed, has_items = sync.listed, False
    for item in sync.items:
        has_items = True
        yield _failure(listed, item.transaction_id, item.message)
    if not has_items:
        status = sync.status
        message = (status.error_message or status.exception_message) if status else None
        yield _failure(listed, None, message)


def _failure(listed: ListedSync, transaction_id: str | None, message: str | None) -> Failure:
    return Failure(listed.company_id, listed.sync_id, listed.at, listed.code, transaction_id, message)
