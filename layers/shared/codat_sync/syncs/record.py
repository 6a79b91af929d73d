"""Convert syncs to and from the attributes of their records in SyncTable, without the keys.

Attributes of other versions of this application are kept when a record is replaced, and ignored when it is read.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from codat_sync.aws.dynamodb import Attributes
from codat_sync.core.enums import parse_enum
from codat_sync.core.timestamps import format_timestamp, parse_timestamp
from codat_sync.polling.pending_check import next_version, read_pending_check, with_pending_check, write_pending_check
from codat_sync.polling.schedule import PendingCheck
from codat_sync.syncs.items import COMPLETED, FAILED_STATUSES, Item, count_statuses
from codat_sync.syncs.status_codes import Outcome, status_code
from codat_sync.syncs.sync import Sync, SyncStatus
from codat_sync.syncs.work_category import WorkCategory

SCHEMA_VERSION = 1
# A DynamoDB item holds 400 KB: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
# A record uses up to half of that for its items, the rest for its messages and attributes of other versions; a part
# holds nothing else.
INLINE_BYTES = 200_000
PART_BYTES = 350_000
# Attributes set at creation that never change.
_CREATION_ATTRIBUTES = ("companyId", "syncId", "provisionalOutcome", "submittedIds", "retryOf")
# Attributes that belong to one response of Codat's, and are dropped when another response replaces it.
_REPLACED = frozenset({"items", "parts", "pendingCheck", "duePk", "dueAt"})


@dataclass(frozen=True, slots=True)
class SyncRecord:
    """A sync as stored in the table.

    ``sync`` is None while it is only announced. ``submitted_ids`` are the transactions of the submission that created
    it, if that went through this application; ``retry_of`` is the sync whose failed transactions those are.
    ``first_seen_at`` is when it was first seen, ``committed_at`` when Codat's data about it last changed.
    """

    company_id: str
    sync_id: str
    sync: Sync | None
    provisional_outcome: Outcome
    submitted_ids: tuple[str, ...]
    retry_of: str | None
    version: int
    pending_check: PendingCheck | None
    first_seen_at: datetime | None
    committed_at: datetime | None

    @property
    def outcome(self) -> Outcome:
        """Return the sync's outcome."""
        return self.sync.outcome if self.sync else self.provisional_outcome

    @property
    def items(self) -> tuple[Item, ...]:
        """Return its items, none while it is only announced."""
        return self.sync.items if self.sync else ()

    def has_written(self, transaction_id: str) -> bool:
        """Return whether the sync wrote the transaction, in any of its integration types."""
        return any(item.status == COMPLETED for item in self.items if item.transaction_id == transaction_id)

    def is_outcome_unknown(self, transaction_id: str) -> bool:
        """Return whether the sync, which has ended, reports the transaction neither as written nor as failed."""
        statuses = [item.status for item in self.items if item.transaction_id == transaction_id]
        if not statuses:
            return self.sync is not None and status_code(self.sync.status.code).outcome is not Outcome.FAILED
        return any(status != COMPLETED and status not in FAILED_STATUSES for status in statuses)


def write_record(
    sync: Sync, pending_check: PendingCheck | None, previous: Mapping[str, Any], now: datetime
) -> Attributes:
    """Return the attributes of the record that replaces ``previous`` (empty if there is none), without its items."""
    first_seen_at = previous.get("firstSeenAt") or format_timestamp(now)
    status = sync.status
    version = next_version(previous)
    current = {
        "v": SCHEMA_VERSION,
        "version": version,
        "digest": sync.digest,
        "companyId": status.company_id,
        "syncId": status.sync_id,
        "code": status.code,
        "syncStatus": status.status,
        "errorMessage": status.error_message,
        "syncExceptionMessage": status.exception_message,
        "syncUtc": status.synced_at and format_timestamp(status.synced_at),
        "dataPushed": status.data_pushed,
        "counts": count_statuses(sync.items),
        "firstSeenAt": first_seen_at,
        "committedAt": format_timestamp(now),
    }
    kept = {name: value for name, value in previous.items() if name not in _REPLACED}
    values = (
        kept
        | current
        | {name: value for name, value in write_pending_check(pending_check).items() if value is not None}
    )
    summary = previous.get("summary", {}) | _summary(sync) | {"firstSeenAt": first_seen_at}
    if needs_retry(sync):
        # Until retry has planned it: whatever was decided or written before, it has failed again.
        summary["category"] = WorkCategory.SCHEDULED.value
    return values | {"summary": with_pending_check(summary, pending_check, version=version)}


def write_check_changes(
    pending_check: PendingCheck | None, previous: Mapping[str, Any], now: datetime, *, version: int
) -> Attributes:
    """Return the attributes that set a record's pending check, or create the record; None marks ones to remove.

    For a record to be created, ``previous`` holds the ids.
    """
    first_seen_at = previous.get("firstSeenAt") or format_timestamp(now)
    created = {name: previous[name] for name in _CREATION_ATTRIBUTES if previous.get(name) is not None}
    summary = {
        "syncId": previous["syncId"],
        "outcome": previous.get("provisionalOutcome"),
        "firstSeenAt": first_seen_at,
        **previous.get("summary", {}),
        "companyId": previous["companyId"],
    }
    return {
        "v": SCHEMA_VERSION,
        "version": version,
        "firstSeenAt": first_seen_at,
        "summary": with_pending_check(summary, pending_check, version=version),
        **created,
        **write_pending_check(pending_check),
    }


def read_record(values: Mapping[str, Any], items: Iterable[Mapping[str, Any]]) -> SyncRecord:
    """Read a record from its attributes and items."""
    submitted_ids = tuple(values.get("submittedIds", ()))
    return SyncRecord(
        company_id=values["companyId"],
        sync_id=values["syncId"],
        sync=Sync(read_status(values), tuple(map(read_item, items)), submitted_ids) if is_fetched(values) else None,
        provisional_outcome=parse_enum(Outcome, values.get("provisionalOutcome", ""), Outcome.ANNOUNCED),
        submitted_ids=submitted_ids,
        retry_of=values.get("retryOf"),
        version=int(values["version"]),
        pending_check=read_pending_check(values),
        first_seen_at=parse_timestamp(values.get("firstSeenAt")),
        committed_at=parse_timestamp(values.get("committedAt")),
    )


def needs_retry(sync: Sync) -> bool:
    """Return whether the sync has ended, and not everything of it is known to be written."""
    return sync.is_final and (sync.outcome is Outcome.FAILED or sync.is_unclear)


def is_fetched(values: Mapping[str, Any]) -> bool:
    """Return whether the record holds Codat's data about the sync."""
    return "digest" in values


def read_status(values: Mapping[str, Any]) -> SyncStatus:
    """Read Codat's status of a sync from its fetched record's attributes."""
    return SyncStatus(
        company_id=values["companyId"],
        sync_id=values["syncId"],
        code=int(values["code"]),
        status=values["syncStatus"],
        error_message=values["errorMessage"],
        exception_message=values["syncExceptionMessage"],
        synced_at=parse_timestamp(values["syncUtc"]),
        data_pushed=values["dataPushed"],
    )


def split_into_parts(items: Sequence[Item]) -> list[Sequence[Item]]:
    """Split ``items`` into one list if they fit into the record, else into one list per part."""
    sizes = [_size(write_item(item)) for item in items]
    if sum(sizes) <= INLINE_BYTES:
        return [items]
    starts, used = [0], 0
    for number, size in enumerate(sizes):
        if used + size > PART_BYTES:
            starts.append(number)
            used = 0
        used += size
    return [items[start:end] for start, end in zip(starts, [*starts[1:], len(items)], strict=True)]


def _size(item: Attributes) -> int:
    """Return an upper bound of the size of ``item`` in DynamoDB: JSON's punctuation exceeds its overhead."""
    return len(json.dumps(item, ensure_ascii=False).encode()) + 1


def _summary(sync: Sync) -> Attributes:
    status = sync.status
    return {
        "companyId": status.company_id,
        "syncId": status.sync_id,
        "code": status.code,
        "outcome": sync.outcome.value,
        "syncUtc": status.synced_at and format_timestamp(status.synced_at),
        "transactions": len(sync.items),
        "failed": sync.failed_items,
    }


def write_item(item: Item) -> Attributes:
    """Return the attributes of ``item``."""
    values: Attributes = {
        "transactionId": item.transaction_id,
        "integrationType": item.integration_type,
        "status": item.status,
        "message": item.message,
        "rows": item.rows,
        "ordinal": item.ordinal,
    }
    # Omit the most common values: writes are charged by the kilobyte.
    return {name: value for name, value in values.items() if value is not None and (name, value) != ("rows", 1)}


def read_item(values: Mapping[str, Any]) -> Item:
    """Read an item from its attributes."""
    ordinal = values.get("ordinal")
    return Item(
        transaction_id=values.get("transactionId"),
        integration_type=values.get("integrationType"),
        status=values.get("status"),
        message=values.get("message"),
        rows=int(values.get("rows", 1)),
        ordinal=None if ordinal is None else int(ordinal),
    )
