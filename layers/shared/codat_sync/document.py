"""The sync document: how a sync is written down in SyncTable, its keys apart, and read back.

Attributes of other versions of this application are kept when it is replaced, and ignored when it is read.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from codat_sync.instant import format_instant, parse_instant
from codat_sync.sync import Sync, SyncStatus
from codat_sync.transaction import LONGEST_MESSAGE, Item, status_counts

# Attributes of an item of DynamoDB's: of any of its types, which differ from item to item.
Values = dict[str, Any]

SCHEMA_VERSION = 1
# An item of DynamoDB's holds 400 KB: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
# A document keeps half of that for its items, the rest for its messages and for what other versions add; a part has
# nothing else to hold.
INLINE_BYTES = 200_000
PART_BYTES = 350_000


@dataclass(frozen=True, slots=True)
class SyncDocument:
    """A sync as it stands in the table. ``first_seen_at`` is when we heard of it, ``committed_at`` when it changed."""

    sync: Sync
    version: int
    first_seen_at: datetime | None
    committed_at: datetime | None


def write_document(sync: Sync, previous: Mapping[str, Any], now: datetime) -> Values:
    """Return the attributes of the document that replaces ``previous`` (empty if there is none); its items apart."""
    first_seen_at = previous.get("firstSeenAt") or format_instant(now)
    status = sync.status
    ours = {
        "v": SCHEMA_VERSION,
        "version": int(previous.get("version", 0)) + 1,
        "digest": sync.digest,
        "companyId": status.company_id,
        "syncId": status.sync_id,
        "code": status.code,
        "syncStatus": status.status,
        "errorMessage": _shortened(status.error_message),
        "syncExceptionMessage": _shortened(status.exception_message),
        "syncUtc": status.synced_at and format_instant(status.synced_at),
        "dataPushed": status.data_pushed,
        "counts": status_counts(sync.items),
        "firstSeenAt": first_seen_at,
        "committedAt": format_instant(now),
    }
    summary = previous.get("summary", {}) | _summary(sync) | {"firstSeenAt": first_seen_at}
    kept = {name: value for name, value in previous.items() if name not in {"items", "parts"}}
    return kept | ours | {"summary": summary}


def read_document(values: Mapping[str, Any], items: Iterable[Mapping[str, Any]]) -> SyncDocument:
    """Return the document whose attributes and items these are."""
    status = SyncStatus(
        company_id=values["companyId"],
        sync_id=values["syncId"],
        code=int(values["code"]),
        status=values["syncStatus"],
        error_message=values["errorMessage"],
        exception_message=values["syncExceptionMessage"],
        synced_at=parse_instant(values["syncUtc"]),
        data_pushed=values["dataPushed"],
    )
    return SyncDocument(
        sync=Sync(status, tuple(map(_read_item, items))),
        version=int(values["version"]),
        first_seen_at=parse_instant(values.get("firstSeenAt")),
        committed_at=parse_instant(values.get("committedAt")),
    )


def write_items(items: Iterable[Item]) -> list[list[Values]]:
    """Return the attributes of ``items``: in one list if they fit into the document, else in as many as parts."""
    written = [_write_item(item) for item in items]
    sizes = [_size(item) for item in written]
    if sum(sizes) <= INLINE_BYTES:
        return [written]
    return list(_parts(written, sizes))


def _parts(items: list[Values], sizes: list[int]) -> Iterator[list[Values]]:
    part: list[Values] = []
    used = 0
    for item, size in zip(items, sizes, strict=True):
        if used + size > PART_BYTES:
            yield part
            part, used = [], 0
        part.append(item)
        used += size
    yield part


def _size(item: Values) -> int:
    """Return at least what DynamoDB counts for ``item``: JSON's punctuation is more than its overhead."""
    return len(json.dumps(item, ensure_ascii=False).encode()) + 1


def _summary(sync: Sync) -> Values:
    status = sync.status
    return {
        "companyId": status.company_id,
        "syncId": status.sync_id,
        "code": status.code,
        "outcome": sync.outcome.value,
        "syncUtc": status.synced_at and format_instant(status.synced_at),
        "transactions": len(sync.items),
        "failed": sync.failed_items,
    }


def _write_item(item: Item) -> Values:
    values: Values = {
        "transactionId": item.transaction_id,
        "integrationType": item.integration_type,
        "status": item.status,
        "message": item.message,
        "rows": item.rows,
        "ordinal": item.ordinal,
    }
    # What is most often so goes without saying: writes are paid by the kilobyte.
    return {name: value for name, value in values.items() if value is not None and (name, value) != ("rows", 1)}


def _read_item(values: Mapping[str, Any]) -> Item:
    ordinal = values.get("ordinal")
    return Item(
        transaction_id=values.get("transactionId"),
        integration_type=values.get("integrationType"),
        status=values.get("status"),
        message=values.get("message"),
        rows=int(values.get("rows", 1)),
        ordinal=None if ordinal is None else int(ordinal),
    )


def _shortened(message: str | None) -> str | None:
    return message and message[:LONGEST_MESSAGE]
