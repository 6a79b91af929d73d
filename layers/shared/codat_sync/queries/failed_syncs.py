"""Find the causes of the failed syncs of a period. Reads only."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codat_sync.queries.failure_causes import Failure, FailureCause, group_failures
from codat_sync.queries.sync_query import HistoryQuery, ListedSync, Period
from codat_sync.syncs.status_codes import Outcome

if TYPE_CHECKING:
    from codat_sync.queries.sync_details import FailedSync, SyncReader
    from codat_sync.queries.sync_history import SyncHistory

# A record is 400 KB at most, and these are read 20 at a time.
MAX_FAILED_SYNCS = 200


@dataclass(frozen=True, slots=True)
class FailureCauses:
    """Causes of failed syncs. ``is_truncated`` means that more syncs failed than were examined."""

    causes: list[FailureCause]
    syncs: int
    is_truncated: bool


def find_failure_causes(
    sync_history: "SyncHistory", details: "SyncReader", period: Period, company_id: str | None
) -> FailureCauses:
    """Group the failures of the newest 200 failed syncs of a period, reading each one's record.

    Raises UnprocessedItemsError.
    """
    query = HistoryQuery(period, company_id, outcomes=frozenset({Outcome.FAILED}))
    rows, is_truncated = sync_history.newest(query, MAX_FAILED_SYNCS)
    failed = details.load_failed([row.sync_id for row in rows])
    return FailureCauses(group_failures(each for sync in failed for each in _failures(sync)), len(rows), is_truncated)


def _failures(sync: "FailedSync") -> Iterator[Failure]:
    listed = sync.listed
    for item in sync.items:
        yield _failure(listed, item.transaction_id, item.message)
    if not sync.items:
        status = sync.status
        message = (status.error_message or status.exception_message) if status else None
        yield _failure(listed, None, message)


def _failure(listed: ListedSync, transaction_id: str | None, message: str | None) -> Failure:
    return Failure(listed.company_id, listed.sync_id, listed.at, listed.code, transaction_id, message)
