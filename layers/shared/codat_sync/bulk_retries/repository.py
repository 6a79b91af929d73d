"""Store bulk retries in SyncTable, each with an entry for each of its syncs."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from codat_sync.aws.dynamodb import Attributes, Table
from codat_sync.aws.table_schema import (
    BULK_ENTRY_PREFIX,
    bulk_entry_key,
    bulk_index_keys,
    bulk_partition,
    bulk_retry_key,
    due_index_keys,
)
from codat_sync.bulk_retries.bulk_retry import BulkRetry, Entry, EntryState, FailureFilter
from codat_sync.core.enums import parse_enum
from codat_sync.core.errors import ConditionFailedError
from codat_sync.core.timestamps import format_timestamp, parse_timestamp
from codat_sync.queries.sync_query import ListedSync

_VERSION = 1
_RETENTION = timedelta(days=365)
# Syncs become due one by one, so that a bulk retry neither delays other retries nor is enqueued all at once: about as
# fast as two concurrent retries process them.
_PACE = timedelta(seconds=1)
_WRITES_AT_ONCE = 8


class BulkRetryRepository:
    """The bulk retries in SyncTable."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def create(self, bulk_retry: BulkRetry, due_at: datetime) -> bool:
        """Store a new bulk retry whose syncs are selected at ``due_at``; return False if its id exists."""
        at = format_timestamp(bulk_retry.requested_at)
        chosen = bulk_retry.filter
        company = {"companyId": chosen.company_id} if chosen.company_id else {}
        item = {
            **bulk_retry_key(bulk_retry.bulk_retry_id),
            **bulk_index_keys(f"{at}#{bulk_retry.bulk_retry_id}"),
            **due_index_keys(format_timestamp(due_at)),
            **company,
            "v": _VERSION,
            "requestedBy": bulk_retry.requested_by,
            "requestedAt": at,
            "filter": {
                "from": chosen.first.isoformat(),
                "to": chosen.last.isoformat(),
                "companyId": chosen.company_id,
                "codes": sorted(chosen.codes),
                "cause": chosen.cause_id,
            },
            "summary": {"bulkRetryId": bulk_retry.bulk_retry_id, **company},
            "expiresAt": int((bulk_retry.requested_at + _RETENTION).timestamp()),
        }
        try:
            self._table.put(item, {"v": None})
        except ConditionFailedError:
            return False
        return True

    def load(self, bulk_retry_id: str) -> BulkRetry | None:
        """Load a bulk retry, None if there is none. Raises UnprocessedItemsError."""
        found = self._table.get([bulk_retry_key(bulk_retry_id)])
        return _read(bulk_retry_id, found[0]) if found else None

    def load_latest(self, most: int) -> list[BulkRetry]:
        """Load the newest bulk retries. Raises UnprocessedItemsError."""
        listed, _ = self._table.query_page(bulk_partition(), None, most, newest_first=True)
        ids = [each["summary"]["bulkRetryId"] for each in listed]
        found = {item["pk"]: item for item in self._table.get(map(bulk_retry_key, ids))}
        keys = ((each, bulk_retry_key(each)["pk"]) for each in ids)
        return [_read(bulk_retry_id, found[pk]) for bulk_retry_id, pk in keys if pk in found]

    def load_entries(self, bulk_retry_id: str) -> list[Entry]:
        """Load the entries of a bulk retry."""
        return [_read_entry(item) for item in self._table.query(bulk_retry_key(bulk_retry_id)["pk"], BULK_ENTRY_PREFIX)]

    def load_entry(self, bulk_retry_id: str, sync_id: str) -> tuple[BulkRetry, Entry] | None:
        """Load a bulk retry and one of its entries; None if one of them does not exist."""
        header, entry = bulk_retry_key(bulk_retry_id), bulk_entry_key(bulk_retry_id, sync_id)
        found = {item["sk"]: item for item in self._table.get([header, entry])}
        if not {header["sk"], entry["sk"]} <= found.keys():
            return None
        return _read(bulk_retry_id, found[header["sk"]]), _read_entry(found[entry["sk"]])

    def add_entries(self, bulk_retry: BulkRetry, syncs: Sequence[ListedSync], number: int, now: datetime) -> None:
        """Add syncs after the first ``number``. An existing entry is kept, because it may have been processed."""
        with ThreadPoolExecutor(_WRITES_AT_ONCE) as pool:
            list(pool.map(partial(self._add_entry, bulk_retry), syncs, (now + _PACE * n for n in range(number, 10**6))))

    def _add_entry(self, bulk_retry: BulkRetry, sync: ListedSync, due_at: datetime) -> None:
        item = {
            **bulk_entry_key(bulk_retry.bulk_retry_id, sync.sync_id),
            **due_index_keys(format_timestamp(due_at)),
            "v": _VERSION,
            "companyId": sync.company_id,
            "syncId": sync.sync_id,
            "summary": {
                "bulkRetryId": bulk_retry.bulk_retry_id,
                "companyId": sync.company_id,
                "syncId": sync.sync_id,
            },
            "expiresAt": int((bulk_retry.requested_at + _RETENTION).timestamp()),
        }
        with suppress(ConditionFailedError):
            self._table.put(item, {"v": None})

    def save_selection(self, bulk_retry: BulkRetry) -> None:
        """Save how far the syncs are selected. The record is no longer due once all are selected, or it is stopped."""
        changes: Attributes = {
            "cursor": bulk_retry.cursor,
            "isSelected": bulk_retry.is_selected,
            "isTruncated": bulk_retry.is_truncated,
        }
        if bulk_retry.is_selected or bulk_retry.stopped_at:
            changes |= due_index_keys(None)
        with suppress(ConditionFailedError):  # Erased meanwhile.
            self._table.update(bulk_retry_key(bulk_retry.bulk_retry_id), changes, {"v": _VERSION})

    def stop(self, bulk_retry_id: str, by: str, now: datetime) -> None:
        """Record that a bulk retry was stopped, unless it was already or does not exist."""
        changes = {"stoppedBy": by, "stoppedAt": format_timestamp(now)}
        with suppress(ConditionFailedError):
            self._table.update(bulk_retry_key(bulk_retry_id), changes, {"v": _VERSION, "stoppedAt": None})

    def begin(self, bulk_retry_id: str, entry: Entry, now: datetime) -> bool:
        """Count an attempt to process an entry; return False if it has changed since it was read."""
        started_at = format_timestamp(entry.started_at or now)
        changes = {"attempts": entry.attempts + 1, "startedAt": started_at}
        try:
            self._table.update(
                bulk_entry_key(bulk_retry_id, entry.sync_id),
                changes,
                {"attempts": entry.attempts or None, "state": None, "v": _VERSION},
            )
        except ConditionFailedError:
            return False
        return True

    def settle(self, bulk_retry_id: str, entry: Entry) -> None:
        """Store the result of an entry, once. The entry is then no longer due."""
        changes = {
            "state": entry.state.value,
            "resubmitted": entry.resubmitted,
            "steps": dict(entry.steps),
            **due_index_keys(None),
        }
        with suppress(ConditionFailedError):  # Settled by another attempt, or erased meanwhile.
            self._table.update(bulk_entry_key(bulk_retry_id, entry.sync_id), changes, {"state": None, "v": _VERSION})


def _read(bulk_retry_id: str, values: Mapping[str, Any]) -> BulkRetry:
    asked = values["filter"]
    return BulkRetry(
        bulk_retry_id=bulk_retry_id,
        filter=FailureFilter(
            first=date.fromisoformat(asked["from"]),
            last=date.fromisoformat(asked["to"]),
            company_id=asked.get("companyId"),
            codes=frozenset(map(int, asked.get("codes", ()))),
            cause_id=asked.get("cause"),
        ),
        requested_by=values["requestedBy"],
        requested_at=datetime.fromisoformat(values["requestedAt"]),
        cursor=values.get("cursor"),
        is_selected=bool(values.get("isSelected")),
        is_truncated=bool(values.get("isTruncated")),
        stopped_by=values.get("stoppedBy"),
        stopped_at=parse_timestamp(values.get("stoppedAt")),
    )


def _read_entry(values: Mapping[str, Any]) -> Entry:
    return Entry(
        company_id=values["companyId"],
        sync_id=values["syncId"],
        state=parse_enum(EntryState, values.get("state", ""), EntryState.WAITING),
        attempts=int(values.get("attempts", 0)),
        started_at=parse_timestamp(values.get("startedAt")),
        resubmitted=int(values.get("resubmitted", 0)),
        steps={step: int(number) for step, number in values.get("steps", {}).items()},
    )
