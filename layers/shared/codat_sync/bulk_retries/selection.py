"""Select the syncs and transactions of a bulk retry, by one rule for its plan and its run. Reads only."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codat_sync.core.iterables import batched
from codat_sync.queries.failures.failed_items import FailureQuery
from codat_sync.queries.sync_query import ListedSync
from codat_sync.syncs.failure_causes import cause_id, normalize_message
from codat_sync.syncs.items import Item
from codat_sync.syncs.record import SyncRecord
from codat_sync.syncs.work_category import WorkCategory

if TYPE_CHECKING:
    from codat_sync.queries.sync_details import FailedSync, SyncReader
    from codat_sync.queries.sync_history import SyncHistory
    from codat_sync.retries.transaction_history import SyncRecordCache, TransactionHistories

_SYNCS_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class SelectedSyncs:
    """Some of the syncs that may have matching failures, newest first, and the position after them; None at the end."""

    syncs: Sequence[ListedSync]
    cursor: str | None


@dataclass(frozen=True)
class FailureSelection:
    """Select the syncs and transactions that match a query."""

    sync_history: "SyncHistory"
    reader: "SyncReader"
    histories: "TransactionHistories"

    def syncs(self, query: FailureQuery, cursor: str | None) -> Iterator[SelectedSyncs]:
        """Yield the syncs after a position, in batches. It ends early, with a cursor, if the time runs out.

        Dismissed ones are left out: what a user has dealt with, as by entering it by hand, is not sent among others.
        Raises InvalidQueryError for an invalid cursor, and UnprocessedItemsError.
        """
        walk = self.sync_history.walk(query.syncs, cursor)
        for rows in batched(walk.rows(), _SYNCS_AT_ONCE):
            open_rows = [row for row in rows if not _is_dismissed(row)]
            yield SelectedSyncs(self._with_cause(open_rows, query.cause_id), rows[-1].position)
        yield SelectedSyncs([], walk.cursor)

    def is_dismissed(self, sync_id: str) -> bool:
        """Return whether a sync is dismissed by now. Raises UnprocessedItemsError."""
        return any(map(_is_dismissed, self.reader.load_listed([sync_id])))

    def _with_cause(self, rows: Sequence[ListedSync], wanted: str | None) -> Sequence[ListedSync]:
        if wanted is None:
            return rows
        found = {each.listed.sync_id: each for each in self.reader.load_failed([row.sync_id for row in rows])}
        return [row for row in rows if row.sync_id in found and _may_have(found[row.sync_id], wanted)]

    def transaction_ids(self, query: FailureQuery, sync_id: str, records: "SyncRecordCache") -> tuple[str, ...]:
        """Return the transactions of a sync that were not written and match. Raises UnprocessedItemsError."""
        failed = self.histories.load_failed(sync_id, records)
        record, items = records.load(sync_id)
        if failed is None or record is None:
            return ()
        if query.cause_id is None:
            return failed.transaction_ids
        return tuple(
            each for each in failed.transaction_ids if query.cause_id in _cause_ids(record, items, items.get(each, ()))
        )


def _is_dismissed(row: ListedSync) -> bool:
    return row.category is WorkCategory.DISMISSED


def _may_have(sync: "FailedSync", wanted: str) -> bool:
    """Return whether a sync may have failures with a cause. A very large sync may have causes that it does not list."""
    causes = {cause_id(each.text) for each in sync.causes.causes} or {_own_cause_id(sync)}
    return wanted in causes or sync.causes.other_failures > 0 or sync.is_partial


def _own_cause_id(sync: "FailedSync") -> str:
    message = sync.status.message if sync.status else None
    return cause_id(normalize_message(message, sync.listed.code))


def _cause_ids(record: SyncRecord, items: Mapping[str | None, Sequence[Item]], own: Sequence[Item]) -> set[str]:
    """Return the causes of a transaction with its ``own`` items; those of its sync if no item of that has failed."""
    if record.sync is None:
        return set()
    has_failed_items = any(item.has_failed for each in items.values() for item in each)
    own_messages = [item.message for item in own if item.has_failed]
    messages = own_messages if has_failed_items else [record.sync.status.message]
    return {cause_id(normalize_message(message, record.sync.status.code)) for message in messages}
