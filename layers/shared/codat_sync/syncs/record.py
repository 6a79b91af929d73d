"""The sync document: how a sync is written down in SyncTable, its keys apart, and read back.

Attributes of other versions of this application are kept when it is replaced, and ignored when it is read.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from codat_sync.aws.dynamodb import Values
from codat_sync.core.enums import member
from codat_sync.core.timestamps import format_instant, parse_instant
from codat_sync.polling.poll_state import next_version, read_waiting, with_waiting, write_waiting
from codat_sync.polling.schedule import Waiting
from codat_sync.syncs.items import LONGEST_MESSAGE, Item, status_counts
from codat_sync.syncs.status_codes import Outcome
from codat_sync.syncs.sync import Sync, SyncStatus

SCHEMA_VERSION = 1
# An item of DynamoDB's holds 400 KB: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
# A document keeps half of that for its items, the rest for its messages and for what other versions add; a part has
# nothing else to hold.
INLINE_BYTES = 200_000
PART_BYTES = 350_000
# What it is made with, and never changes.
_MADE_WITH = ("companyId", "syncId", "announcedAs", "submittedIds", "retryOf")
# What of a document goes with the answer that it was written for, and is not kept when another replaces it.
_REPLACED = frozenset({"items", "parts", "waiting", "duePk", "dueAt"})


@dataclass(frozen=True, slots=True)
class SyncDocument:
    """A sync as it stands in the table.

    ``sync`` is None while it is only announced. ``submitted_ids`` are the transactions of the submission that it was
    made of, if that went through here, and ``retry_of`` is the sync whose failed ones those are. ``first_seen_at`` is
    when we heard of it, ``committed_at`` when what Codat says of it changed last.
    """

    company_id: str
    sync_id: str
    sync: Sync | None
    announced_as: Outcome
    submitted_ids: tuple[str, ...]
    retry_of: str | None
    version: int
    waiting: Waiting | None
    first_seen_at: datetime | None
    committed_at: datetime | None

    @property
    def outcome(self) -> Outcome:
        """How the sync stands."""
        return self.sync.outcome if self.sync else self.announced_as

    @property
    def items(self) -> tuple[Item, ...]:
        """Its items; none while it is only announced."""
        return self.sync.items if self.sync else ()


def write_document(sync: Sync, waiting: Waiting | None, previous: Mapping[str, Any], now: datetime) -> Values:
    """Return the attributes of the document that replaces ``previous`` (empty if there is none); its items apart."""
    first_seen_at = previous.get("firstSeenAt") or format_instant(now)
    status = sync.status
    version = next_version(previous)
    ours = {
        "v": SCHEMA_VERSION,
        "version": version,
        "digest": sync.digest,
        "companyId": status.company_id,
        "syncId": status.sync_id,
        "code": status.code,
        "syncStatus": _shortened(status.status),
        "errorMessage": _shortened(status.error_message),
        "syncExceptionMessage": _shortened(status.exception_message),
        "syncUtc": status.synced_at and format_instant(status.synced_at),
        "dataPushed": status.data_pushed,
        "counts": status_counts(sync.items),
        "firstSeenAt": first_seen_at,
        "committedAt": format_instant(now),
    }
    kept = {name: value for name, value in previous.items() if name not in _REPLACED}
    values = kept | ours | {name: value for name, value in write_waiting(waiting).items() if value is not None}
    summary = previous.get("summary", {}) | _summary(sync) | {"firstSeenAt": first_seen_at}
    return values | {"summary": with_waiting(summary, waiting, version=version)}


def write_changes(waiting: Waiting | None, previous: Mapping[str, Any], now: datetime, *, version: int) -> Values:
    """Return what changes in a document, or makes it, when only its waiting does; None is for what goes.

    Of a document that is to be made, ``previous`` has the ids.
    """
    first_seen_at = previous.get("firstSeenAt") or format_instant(now)
    made = {name: previous[name] for name in _MADE_WITH if previous.get(name) is not None}
    summary = previous.get("summary") or {
        "companyId": previous["companyId"],
        "syncId": previous["syncId"],
        "outcome": previous["announcedAs"],
        "firstSeenAt": first_seen_at,
    }
    return {
        "v": SCHEMA_VERSION,
        "version": version,
        "firstSeenAt": first_seen_at,
        "summary": with_waiting(summary, waiting, version=version),
        **made,
        **write_waiting(waiting),
    }


def read_document(values: Mapping[str, Any], items: Iterable[Mapping[str, Any]]) -> SyncDocument:
    """Return the document whose attributes and items these are."""
    return SyncDocument(
        company_id=values["companyId"],
        sync_id=values["syncId"],
        sync=Sync(read_status(values), tuple(map(read_item, items))) if is_answered(values) else None,
        announced_as=member(Outcome, values.get("announcedAs", ""), Outcome.ANNOUNCED),
        submitted_ids=tuple(values.get("submittedIds", ())),
        retry_of=values.get("retryOf"),
        version=int(values["version"]),
        waiting=read_waiting(values),
        first_seen_at=parse_instant(values.get("firstSeenAt")),
        committed_at=parse_instant(values.get("committedAt")),
    )


def is_answered(values: Mapping[str, Any]) -> bool:
    """Return whether Codat has been asked about the sync, and the document holds what it said."""
    return "digest" in values


def read_status(values: Mapping[str, Any]) -> SyncStatus:
    """Return what Codat said of the sync whose answered document has these attributes."""
    return SyncStatus(
        company_id=values["companyId"],
        sync_id=values["syncId"],
        code=int(values["code"]),
        status=values["syncStatus"],
        error_message=values["errorMessage"],
        exception_message=values["syncExceptionMessage"],
        synced_at=parse_instant(values["syncUtc"]),
        data_pushed=values["dataPushed"],
    )


def split(items: Sequence[Item]) -> list[Sequence[Item]]:
    """Return ``items`` in one list if they fit into the document, else in as many as there have to be parts."""
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


def write_item(item: Item) -> Values:
    """Return the attributes of ``item``."""
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


def read_item(values: Mapping[str, Any]) -> Item:
    """Return the item whose attributes these are."""
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
