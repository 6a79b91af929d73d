"""Store syncs in SyncTable: records, parts, processed events and index entries.

A sync's record is replaced as a whole, on condition that its version is unchanged. Its items are stored in it or, if
there are too many, in parts that it references. A transaction's partition holds index entries for the syncs it was in.
"""

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from types import MappingProxyType
from typing import Any

from codat_sync.aws.dynamodb import Attributes, Table
from codat_sync.aws.table_schema import (
    COMPANY,
    EVENT_PREFIX,
    INDEX_ENTRY_PREFIX,
    SYNC,
    company_key,
    due_index_keys,
    index_entry_key,
    listing_index_keys,
    part_key,
    part_keys,
    part_run_key,
    sync_key,
)
from codat_sync.companies.latest_sync import LatestSync, record_latest_sync
from codat_sync.companies.reconciliation_start import request_search
from codat_sync.companies.repository import is_listed
from codat_sync.companies.tombstones import is_erased
from codat_sync.core.errors import ConditionFailedError, UnprocessedItemsError, VersionConflictError
from codat_sync.core.identifiers import is_identifier
from codat_sync.core.iterables import batched
from codat_sync.core.timestamps import format_optional_timestamp, format_timestamp, parse_timestamp
from codat_sync.polling.pending_check import next_version, read_pending_check
from codat_sync.polling.schedule import PendingCheck
from codat_sync.syncs.failure_causes import MAX_KEPT, summarize_causes, write_causes
from codat_sync.syncs.items import Item, select_valid_ids
from codat_sync.syncs.record import (
    SCHEMA_VERSION,
    SyncRecord,
    is_fetched,
    needs_retry,
    read_item,
    read_record,
    split_into_parts,
    write_check_changes,
    write_item,
    write_record,
)
from codat_sync.syncs.retry_repository import due_retry_update, new_work_keys
from codat_sync.syncs.status_codes import Outcome
from codat_sync.syncs.sync import Sync, SyncStatus
from codat_sync.webhooks.events import WebhookEvent
from codat_sync.webhooks.processed_events import ProcessedEventRepository

# How long an unreferenced part is kept for readers of the previous record.
PART_GRACE = timedelta(days=1)
# How often a reader starts over if its parts are replaced while it reads.
_MAX_READS = 5
# How many parts are in memory at a time while all of them are read.
_PARTS_AT_ONCE = 8


@dataclass(frozen=True)
class SyncSnapshot:
    """A sync's stored state before the request to Codat: its record, the processed events, and its company.

    If the company ``is_erased``, none of its data may be written.
    """

    company_id: str
    sync_id: str
    values: Attributes
    processed_ids: frozenset[str]
    company_fetched_at: datetime | None
    is_erased: bool

    @property
    def version(self) -> int | None:
        """Return the version of its record, None if there is none."""
        return int(self.values["version"]) if self.values else None

    @property
    def expected(self) -> dict[str, object]:
        """Return what must be unchanged when the record is replaced: its version, and what retry has written."""
        return {"version": self.version, "summary.category": self.values.get("summary", {}).get("category")}

    @property
    def digest(self) -> str | None:
        """Return the digest of Codat's last response, None if there is none yet."""
        return self.values.get("digest")

    @property
    def owner_id(self) -> str | None:
        """Return the company that Codat said the sync belongs to; None if only an event has named one.

        Codat said so in its answer about the sync, or about the submission that created it.
        """
        is_known = is_fetched(self.values) or "submittedIds" in self.values
        return self.values["companyId"] if is_known else None

    @property
    def announced_company_id(self) -> str | None:
        """Return the company of its record, None if there is none."""
        return self.values.get("companyId")

    @property
    def submitted_ids(self) -> tuple[str, ...]:
        """Return the transactions of the submission that created it, as far as known."""
        return tuple(self.values.get("submittedIds", ()))

    @cached_property
    def pending_check(self) -> PendingCheck | None:
        """Return its pending check, None if there is none."""
        return read_pending_check(self.values)


@dataclass(frozen=True, slots=True)
class ItemPage:
    """A page of a sync's items. ``next_cursor`` is the cursor of the next page, None on the last one."""

    items: tuple[Item, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class SubmittedSync:
    """A sync that a submission created, before it is fetched from Codat.

    ``retry_of`` is the sync whose failed transactions it resubmits, None for a first submission.
    """

    company_id: str
    sync_id: str
    transaction_ids: tuple[str, ...]
    retry_of: str | None


class SyncRepository:
    """The syncs in SyncTable. Safe to share between threads."""

    def __init__(self, table: Table, *, event_retention: timedelta) -> None:
        self.table = table
        self._events = ProcessedEventRepository(table, event_retention)

    # ------------------------------------------------------------ used by the worker, in this order

    def load_snapshot(self, company_id: str, sync_id: str, webhook_ids: Iterable[str]) -> SyncSnapshot:
        """Load the sync's snapshot, read consistently, with the processed ones of ``webhook_ids`` (no duplicates)."""
        found, processed_ids = self._events.load_with_processed_ids(
            sync_key(sync_id), webhook_ids, [company_key(company_id)]
        )
        company = found.get(COMPANY, {})
        return SyncSnapshot(
            company_id=company_id,
            sync_id=sync_id,
            values=found.get(SYNC, {}),
            processed_ids=processed_ids,
            # A company that is not listed yet is written again.
            company_fetched_at=parse_timestamp(company.get("fetchedAt")) if is_listed(company) else None,
            is_erased=is_erased(company),
        )

    def put_index_entries(self, sync: Sync, snapshot: SyncSnapshot, now: datetime) -> None:
        """Write index entries for the sync's transactions, except those that its last record already had."""
        company_id, sync_id = sync.status.company_id, sync.status.sync_id
        is_same_company = snapshot.values.get("companyId") == company_id
        recorded_ids = (
            {each.get("transactionId") for each in self._items(snapshot.values)} if is_same_company else set()
        )
        self._put_index_entries(company_id, sync_id, sorted(select_valid_ids(sync.items) - recorded_ids), now)

    def record_latest(self, sync: Sync, snapshot: SyncSnapshot, now: datetime) -> None:
        """Record it as its company's latest sync, unless a later one is recorded."""
        status = sync.status
        at = format_optional_timestamp(status.synced_at) or snapshot.values.get("firstSeenAt") or format_timestamp(now)
        record_latest_sync(self.table, LatestSync(status.company_id, status.sync_id, at, sync.outcome.value))

    def commit(self, sync: Sync, pending_check: PendingCheck | None, snapshot: SyncSnapshot, now: datetime) -> None:
        """Replace the sync record. Raises VersionConflictError if it has changed since ``snapshot`` was read."""
        values = write_record(sync, pending_check, snapshot.values, now)
        values |= sync_key(sync.status.sync_id)
        values |= listing_index_keys(
            sync.status.company_id, sync.status.sync_id, values["syncUtc"] or values["firstSeenAt"]
        )
        lists = split_into_parts(sync.items)
        if len(lists) == 1:
            values["items"] = [write_item(item) for item in lists[0]]
        else:
            causes = summarize_causes(sync.items, sync.status.code, MAX_KEPT)
            # In `parts`, which each version of this application replaces together with the items.
            values["parts"] = self._put_parts(sync.status, lists, now) | {"causes": write_causes(causes)}
        if parts := snapshot.values.get("parts"):
            # Before the commit, so that the parts are cleaned up even after a crash right after it.
            self._schedule_part_cleanup(sync.status, parts, now)
        self._put_record(values, snapshot, self._retries(sync, values, snapshot, now))

    def _retries(
        self, sync: Sync, values: Attributes, snapshot: SyncSnapshot, now: datetime
    ) -> list[tuple[Attributes, Attributes, Attributes]]:
        """Return the updates that make the retry due: of this sync if it is not written, or of the sync it retries.

        The retry of an unclear sync plans only what to check. A sync that had failed is planned again whatever it is
        now: in progress, or written.
        """
        root, status = snapshot.values.get("retryOf"), sync.status
        has_failed = needs_retry(sync)
        if not (has_failed or _was_planned(snapshot.values) or (root and sync.is_final)):
            return []
        key, changes = due_retry_update(status.company_id, root or status.sync_id, now)
        if has_failed:
            changes["lastFailure"] = f"{status.sync_id}#{values['version']}"
        if has_failed and not root:
            changes |= new_work_keys(values)
        return [(key, changes, {})]

    def set_pending_check(self, pending_check: PendingCheck | None, snapshot: SyncSnapshot, now: datetime) -> None:
        """Set or clear the sync's pending check, as a new version. Raises VersionConflictError.

        A commit of an earlier response then fails, so the trigger of this check is not lost.
        """
        self._update_record(pending_check, snapshot, now, version=next_version(snapshot.values))

    def suspend_polling(self, pending_check: PendingCheck, snapshot: SyncSnapshot, now: datetime) -> None:
        """Record why the sync is no longer polled; queued checks of this version stay valid.

        Raises VersionConflictError.
        """
        self._update_record(pending_check, snapshot, now, version=snapshot.version or 1)

    def request_search(self, now: datetime) -> None:
        """Have reconcile look for a sync that Codat does not know under the company that an event named."""
        request_search(self.table, now)

    def record_events(self, snapshot: SyncSnapshot, events: Sequence[WebhookEvent], now: datetime) -> None:
        """Record ``events`` about the sync as processed."""
        self._events.record(sync_key(snapshot.sync_id), events, now)

    def record_unchanged_events(self, snapshot: SyncSnapshot, events: Sequence[WebhookEvent], now: datetime) -> None:
        """Record ``events`` as processed whose response from Codat matches the record of ``snapshot``.

        The version stays the same. Two checks keep a response from before the events from being committed after them:
        after a commit, the worker checks for such events (``is_possibly_stale``); and after the write, the version is
        read again here.
        Raises VersionConflictError.
        """
        self._events.record(sync_key(snapshot.sync_id), events, now, unchanged_version=snapshot.version)
        if self.table.get_attribute(sync_key(snapshot.sync_id), "version") != snapshot.version:
            raise VersionConflictError(f"the record of sync {snapshot.sync_id} has changed")

    def is_possibly_stale(self, sync_id: str, version: int) -> bool:
        """Return whether the response that replaced the record's ``version`` may predate a processed event."""
        return self._events.has_unchanged_event(sync_key(sync_id), version)

    # ------------------------------------------------------------ used by submit

    def announce(self, submitted: SubmittedSync, pending_check: PendingCheck, now: datetime) -> None:
        """Record a sync that a submission created.

        If an event arrived first, add the submission's ids to its record. Raises VersionConflictError after too many
        lost races.
        """
        company_id, sync_id = submitted.company_id, submitted.sync_id
        self._put_index_entries(company_id, sync_id, submitted.transaction_ids, now)
        origin = {"submittedIds": list(submitted.transaction_ids), "retryOf": submitted.retry_of}
        for _ in range(_MAX_READS):
            snapshot = self.load_snapshot(company_id, sync_id, [])
            try:
                if snapshot.version is None:
                    announced = {"provisionalOutcome": Outcome.SUBMITTED.value, **origin}
                    self._update_record(pending_check, snapshot, now, version=1, announced=announced)
                else:
                    known = snapshot.pending_check if snapshot.announced_company_id == company_id else None
                    # A fetched sync is checked again: now it is known which transactions Codat has to list.
                    next_check = known if known and known.due_at else pending_check
                    self._update_record(next_check, snapshot, now, version=snapshot.version + 1, announced=origin)
            except VersionConflictError:
                continue
            return
        raise VersionConflictError(f"the record of sync {sync_id} was changed concurrently on every attempt")

    # ------------------------------------------------------------ used by readers

    def load_sync(self, sync_id: str) -> SyncRecord | None:
        """Load the sync's record with all its items, None if there is none. Never returns a partial record."""
        for _ in range(_MAX_READS):
            values = self._load_record(sync_id)
            if values is None:
                return None
            items = list(self._items(values))
            if len(items) == sum(map(int, values.get("counts", {}).values())):
                return read_record(values, items)
        raise UnprocessedItemsError(f"the record of sync {sync_id} was replaced each time it was read")

    def load_item_page(self, sync_id: str, cursor: str | None = None) -> ItemPage | None:
        """Load one page of the sync's items: the first one, or that of a page's ``next_cursor``.

        A part is a page. All pages of a cursor come from the same version of the record, for a day, even if it is
        replaced. After that, or if there is no such sync, returns None.
        """
        if cursor is None:
            values = self._load_record(sync_id)
            if values is None:
                return None
            if "parts" not in values:
                return ItemPage(tuple(map(read_item, values.get("items", ()))), None)
            part_run_id, count, number = values["parts"]["partRunId"], int(values["parts"]["count"]), 0
        else:
            part_run_id, count, number = _read_cursor(cursor)
        found = self.table.get([part_key(sync_id, part_run_id, number)])
        if not found:
            return None
        is_last = number + 1 >= count
        return ItemPage(
            tuple(map(read_item, found[0]["items"])), None if is_last else f"{part_run_id}.{count}.{number + 1}"
        )

    def load_processed_event_ids(self, sync_id: str) -> list[str]:
        """Return the ids of the sync's processed webhooks, within their retention."""
        items = self.table.query(sync_key(sync_id)["pk"], EVENT_PREFIX)
        return [item["sk"].removeprefix(EVENT_PREFIX) for item in items]

    def load_sync_ids_before(self, company_id: str, transaction_ids: Iterable[str], at: datetime) -> set[str]:
        """Return the ids of the syncs that were known before ``at`` to contain one of the transactions."""
        items = (
            item
            for transaction_id in transaction_ids
            for item in self.table.query(index_entry_key(company_id, transaction_id, "")["pk"], INDEX_ENTRY_PREFIX)
        )
        return {
            item["sk"].removeprefix(INDEX_ENTRY_PREFIX) for item in items if item["firstSeenAt"] < format_timestamp(at)
        }

    def load_sync_ids_of_transaction(self, company_id: str, transaction_id: str) -> list[str]:
        """Return the ids of all syncs that contained the transaction."""
        items = self.table.query(index_entry_key(company_id, transaction_id, "")["pk"], INDEX_ENTRY_PREFIX)
        return [item["sk"].removeprefix(INDEX_ENTRY_PREFIX) for item in items]

    def _put_index_entries(self, company_id: str, sync_id: str, transaction_ids: Iterable[str], now: datetime) -> None:
        self.table.put_all(
            index_entry_key(company_id, transaction_id, sync_id)
            | {"v": SCHEMA_VERSION, "firstSeenAt": format_timestamp(now)}
            for transaction_id in transaction_ids
        )

    # ------------------------------------------------------------ parts

    def delete_unreferenced_parts(self, sync_id: str, part_run_id: str, now: datetime) -> bool:
        """Delete the parts of a run if no record references them. Returns whether they were deleted.

        A run is cleaned up a day after it began or was replaced, so readers of a record can rely on its parts for that
        long. A run whose day has just begun is kept: the record that references it is being replaced.
        """
        key = part_run_key(sync_id, part_run_id)
        found = {item["sk"]: item for item in self.table.get([key, sync_key(sync_id)])}
        written = found.get(key["sk"], {})
        due_at = parse_timestamp(written.get("dueAt"))
        if due_at is None or due_at - now > PART_GRACE / 2:
            return False
        if _current_part_run_id(found.get(SYNC, {})) == part_run_id:
            self._stop_part_cleanup(key, written["dueAt"])
            return False
        self.table.delete_all(part_keys(sync_id, part_run_id, int(written["count"])))
        self.table.delete_all([key])
        return True

    def _stop_part_cleanup(self, key: Attributes, due_at: str) -> None:
        """Cancel the cleanup of a referenced run, unless a concurrent replacement has rescheduled it."""
        try:
            self.table.update(key, due_index_keys(None), {"dueAt": due_at})
        except ConditionFailedError:
            return

    def _put_parts(self, status: SyncStatus, lists: Sequence[Sequence[Item]], now: datetime) -> Attributes:
        # A random run id: concurrent workers, or a worker and its own second attempt, never share a part.
        part_run_id = uuid.uuid4().hex
        parts = {"partRunId": part_run_id, "count": len(lists)}
        self._schedule_part_cleanup(status, parts, now)
        keys = part_keys(status.sync_id, part_run_id, len(lists))
        self.table.put_all(
            (
                key | {"v": SCHEMA_VERSION, "items": [write_item(item) for item in items]}
                for key, items in zip(keys, lists, strict=True)
            ),
            large=True,
        )
        return parts

    def _schedule_part_cleanup(self, status: SyncStatus, parts: Attributes, now: datetime) -> None:
        """Schedule the cleanup of a run's parts: before they are written, so that no crash leaves any behind."""
        self.table.put_all(
            [
                part_run_key(status.sync_id, parts["partRunId"])
                | {
                    "v": SCHEMA_VERSION,
                    "count": parts["count"],
                    "summary": {"companyId": status.company_id, "syncId": status.sync_id},
                }
                | due_index_keys(format_timestamp(now + PART_GRACE))
            ]
        )

    def load_items(self, record: Mapping[str, Any]) -> Iterator[Item]:
        """Yield the items of a record, even if it has been replaced; fewer if its parts are gone.

        A few parts are in memory at a time.
        """
        return map(read_item, self._items(record))

    def _items(self, record: Mapping[str, Any]) -> Iterator[Attributes]:
        """Yield the attributes of a record's items; fewer if its parts are gone."""
        if "parts" not in record:
            yield from record.get("items", ())
            return
        parts = record["parts"]
        keys = part_keys(record["syncId"], parts["partRunId"], int(parts["count"]))
        for some in batched(keys, _PARTS_AT_ONCE):
            for part in sorted(self.table.get(some), key=lambda part: str(part["sk"])):
                yield from part["items"]

    # ------------------------------------------------------------ the record

    def _load_record(self, sync_id: str) -> Attributes | None:
        return next(iter(self.table.get([sync_key(sync_id)])), None)

    def _put_record(
        self, values: Attributes, snapshot: SyncSnapshot, retries: Sequence[tuple[Attributes, Attributes, Attributes]]
    ) -> None:
        try:
            if retries:
                self.table.transact([(values, snapshot.expected)], retries)
            else:
                self.table.put(values, snapshot.expected)
        except ConditionFailedError as error:
            raise VersionConflictError(f"the record of sync {values['syncId']} has changed") from error

    def _update_record(
        self,
        pending_check: PendingCheck | None,
        snapshot: SyncSnapshot,
        now: datetime,
        *,
        version: int,
        announced: Mapping[str, object] = MappingProxyType({"provisionalOutcome": Outcome.ANNOUNCED.value}),
    ) -> None:
        ids = {"companyId": snapshot.company_id, "syncId": snapshot.sync_id}
        missing = {name: value for name, value in announced.items() if name not in snapshot.values}
        # Until Codat has said whose sync it is, the latest announcement counts.
        previous = snapshot.values | missing | ({} if snapshot.owner_id else ids)
        changes = write_check_changes(pending_check, previous, now, version=version)
        if not is_fetched(snapshot.values):
            changes |= listing_index_keys(previous["companyId"], snapshot.sync_id, changes["firstSeenAt"])
        try:
            self.table.update(sync_key(snapshot.sync_id), changes, snapshot.expected)
        except ConditionFailedError as error:
            raise VersionConflictError(f"the record of sync {snapshot.sync_id} has changed") from error


def _was_planned(values: Attributes) -> bool:
    """Return whether a previous version of the record made its retry due. Version 0.2.0 wrote no category."""
    if not is_fetched(values):
        return False
    summary = values["summary"]
    return "category" in summary or summary["outcome"] in {Outcome.FAILED.value, Outcome.UNKNOWN.value}


def _current_part_run_id(record: Attributes) -> str | None:
    parts = record.get("parts")
    return parts and parts["partRunId"]


def _read_cursor(cursor: str) -> tuple[str, int, int]:
    """Parse a cursor into run, number of parts and part. Raises ValueError if it is invalid."""
    part_run_id, count, number = cursor.split(".")
    if not (is_identifier(part_run_id) and count.isdecimal() and number.isdecimal()):
        raise ValueError("not a cursor")
    return part_run_id, int(count), int(number)
