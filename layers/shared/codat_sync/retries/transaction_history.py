"""Load transactions' histories from SyncTable for the planner."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from codat_sync.companies.repository import CompanyRepository
from codat_sync.core.identifiers import is_identifier
from codat_sync.retries.planner import TransactionHistory, TransactionResult
from codat_sync.submissions.repository import SubmissionRepository
from codat_sync.syncs.items import Item
from codat_sync.syncs.record import SyncRecord
from codat_sync.syncs.repository import SyncRepository


class SyncRecordCache:
    """Cache syncs' records, with their items by transaction. Safe to share between threads."""

    def __init__(self, store: SyncRepository) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._known: dict[str, tuple[SyncRecord | None, dict[str | None, list[Item]]]] = {}

    def load(self, sync_id: str) -> tuple[SyncRecord | None, Mapping[str | None, list[Item]]]:
        """Load a sync's record (None if there is none) and its items by transaction. Raises UnprocessedItemsError."""
        with self._lock:
            if sync_id not in self._known:
                record = self._store.load_sync(sync_id)
                items: dict[str | None, list[Item]] = {}
                for item in record.items if record else ():
                    items.setdefault(item.transaction_id, []).append(item)
                self._known[sync_id] = record, items
            return self._known[sync_id]


@dataclass(frozen=True, slots=True)
class FailedTransactions:
    """The transactions of a sync that were not written, or of which Codat does not say that they were."""

    company_id: str
    transaction_ids: tuple[str, ...]


class TransactionHistories:
    """Load transactions' histories, without caching between calls."""

    def __init__(self, store: SyncRepository, submissions: SubmissionRepository, companies: CompanyRepository) -> None:
        self._store = store
        self._submissions = submissions
        self._companies = companies

    def new_cache(self) -> SyncRecordCache:
        """Return a cache of records to share between related calls."""
        return SyncRecordCache(self._store)

    def load_failed(self, sync_id: str, records: SyncRecordCache | None = None) -> FailedTransactions | None:
        """Load the transactions of a sync that failed or are unclear; None if there is no such sync.

        Raises UnprocessedItemsError.
        """
        record, _ = (records or self.new_cache()).load(sync_id)
        if record is None:
            return None
        listed = {item.transaction_id: item.has_failed for item in record.items if is_identifier(item.transaction_id)}
        is_final = record.sync is not None and record.sync.is_final
        failed = dict.fromkeys(
            item.transaction_id for item in record.items if item.has_failed or (is_final and item.is_unclear)
        )
        is_anonymous = any(item.transaction_id is None for item in record.items)
        if record.sync and record.sync.is_final and not record.sync.has_succeeded and not is_anonymous:
            # Submitted transactions that the failed sync does not list failed as well: it ended before it got to them.
            # Of those that a successful sync does not list, nothing is known.
            failed |= dict.fromkeys(each for each in record.submitted_ids if each not in listed)
        return FailedTransactions(record.company_id, tuple(each for each in failed if is_identifier(each)))

    def load(
        self, company_id: str, transaction_ids: Iterable[str], records: SyncRecordCache | None = None
    ) -> dict[str, TransactionHistory]:
        """Load the history of each transaction. Raises UnprocessedItemsError."""
        records = records or self.new_cache()
        snapshot = self._companies.load_snapshot(company_id, [])
        company = snapshot.company
        return {
            transaction_id: TransactionHistory(
                transaction_id=transaction_id,
                syncs=self._syncs(company_id, transaction_id, records),
                submissions=tuple(self._submissions.load_submissions(company_id, transaction_id)),
                connection_status=company.connection_status if company else None,
                is_company_deleted=company is not None and company.is_deleted,
                connection_as_of=snapshot.fetched_at,
                connection_changed_at=snapshot.connection_changed_at,
            )
            for transaction_id in transaction_ids
        }

    def _syncs(self, company_id: str, transaction_id: str, records: SyncRecordCache) -> tuple[TransactionResult, ...]:
        seen = []
        for sync_id in self._store.load_sync_ids_of_transaction(company_id, transaction_id):
            record, items = records.load(sync_id)
            # The index entry is written before its record: without a record, the sync is about to be stored.
            # A record of another company was indexed here before Codat said whose sync it is.
            if record is not None and record.first_seen_at is not None and record.company_id == company_id:
                at = record.committed_at or record.first_seen_at
                seen.append(_transaction_result(record, at, items.get(transaction_id, ())))
        return tuple(sorted(seen, key=lambda each: each.at))


def _transaction_result(record: SyncRecord, at: datetime, items: Sequence[Item]) -> TransactionResult:
    return TransactionResult(
        sync_id=record.sync_id,
        code=record.sync.status.code if record.sync else None,
        is_final=record.sync is not None and record.sync.is_final,
        at=at,
        statuses={item.integration_type or "none": item.status for item in items},
        messages=tuple(item.message for item in items if item.message),
        synced_at=record.sync.status.synced_at if record.sync else None,
    )
