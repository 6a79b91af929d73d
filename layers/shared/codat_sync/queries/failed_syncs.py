"""Find out why the syncs of a period failed. Reads only."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codat_sync.queries.failure_causes import Cause, Failure, causes
from codat_sync.queries.sync_query import Listed, Period, Query
from codat_sync.syncs.status_codes import Outcome

if TYPE_CHECKING:
    from codat_sync.queries.sync_details import Details, FailedSync
    from codat_sync.queries.sync_history import Browsing

# A document is 400 KB at most, and these are read 20 at a time.
MOST_FAILED_SYNCS = 200


@dataclass(frozen=True, slots=True)
class Causes:
    """Why syncs failed. ``is_cut`` tells that there are more failed syncs than were looked at."""

    causes: list[Cause]
    syncs: int
    is_cut: bool


def find_causes(browsing: "Browsing", details: "Details", period: Period, company_id: str | None) -> Causes:
    """Return why the syncs of a period failed: the newest 200 of them, each a read of its document.

    Raises UnprocessedError.
    """
    query = Query(period, company_id, outcomes=frozenset({Outcome.FAILED}))
    rows, is_cut = browsing.newest(query, MOST_FAILED_SYNCS)
    failed = details.load_failed([row.sync_id for row in rows])
    return Causes(causes(each for sync in failed for each in _failures(sync)), len(rows), is_cut)


def _failures(sync: "FailedSync") -> Iterator[Failure]:
    listed = sync.listed
    for item in sync.items:
        yield _failure(listed, item.transaction_id, item.message)
    if not sync.items:
        status = sync.status
        message = (status.error_message or status.exception_message) if status else None
        yield _failure(listed, None, message)


def _failure(listed: Listed, transaction_id: str | None, message: str | None) -> Failure:
    return Failure(listed.company_id, listed.sync_id, listed.at, listed.code, transaction_id, message)
