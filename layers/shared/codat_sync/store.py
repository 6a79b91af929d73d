"""SyncTable: the only place that knows its keys, and who is pointed to by whom.

A sync's document is replaced as a whole, on condition that its version has not moved. Its items stand in it or, if they
are too many, in parts that it points to. A transaction's partition points to the syncs that it was in.
"""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import tenacity
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from codat_sync.document import SCHEMA_VERSION, SyncDocument, Values, read_document, write_document, write_items
from codat_sync.errors import UnprocessedError, VersionMovedError
from codat_sync.instant import format_instant
from codat_sync.sync import Sync, SyncEvent
from codat_sync.transaction import addressable_ids

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

T = TypeVar("T")

# AWS's limit: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
_BATCH_WRITE = 25
_BATCHES_AT_ONCE = 16
# A part that no document points to any more stays for readers that still hold the document of before.
_PART_GRACE = timedelta(days=1)
# How often a reader whose parts were replaced under it starts over.
_MOST_READS = 5
_UNPROCESSED_RETRY: dict[str, Any] = {
    "retry": tenacity.retry_if_exception_type(UnprocessedError),
    "wait": tenacity.wait_random_exponential(multiplier=0.05, max=2),
    "stop": tenacity.stop_after_attempt(8),
    "reraise": True,
}

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


@dataclass(frozen=True, slots=True)
class Head:
    """What is known of a sync before Codat is asked: its document as read, and which events were seen."""

    values: Values
    seen: frozenset[str]

    @property
    def digest(self) -> str | None:
        """The fingerprint of what Codat said last, None if the sync is new."""
        return self.values.get("digest")


class Store:
    """SyncTable. Safe to share between threads."""

    def __init__(self, client: "DynamoDBClient", table_name: str, *, event_retention: timedelta) -> None:
        self._client = client
        self._table = table_name
        self._event_retention = event_retention
        self._pool = ThreadPoolExecutor(_BATCHES_AT_ONCE, thread_name_prefix="batch")

    # ------------------------------------------------------------ what the worker does, in this order

    def load_head(self, sync_id: str, webhook_ids: Iterable[str]) -> Head:
        """Return the sync's head, read consistently, with those of ``webhook_ids`` (no two alike) that were seen."""
        found = self._get([_document_key(sync_id), *(_event_key(sync_id, webhook_id) for webhook_id in webhook_ids)])
        values = next((item for item in found if item["sk"] == _DOCUMENT), {})
        return Head(values, frozenset(item["sk"].removeprefix(_EVENT) for item in found if item["sk"] != _DOCUMENT))

    def put_pointers(self, sync: Sync, head: Head, now: datetime) -> None:
        """Point from each of the sync's transactions to it, those apart that its last document had already."""
        company_id, sync_id = sync.status.company_id, sync.status.sync_id
        known = {values.get("transactionId") for values in self._items(head.values)}
        self._put(
            _pointer_key(company_id, transaction_id, sync_id)
            | {"v": SCHEMA_VERSION, "firstSeenAt": format_instant(now)}
            for transaction_id in sorted(addressable_ids(sync.items) - known)
        )

    def commit_sync(self, sync: Sync, head: Head, now: datetime) -> None:
        """Replace the sync's document. Raises VersionMovedError if it is no longer the one that ``head`` holds."""
        values = write_document(sync, head.values, now)
        values |= _document_key(sync.status.sync_id) | _index_keys(values)
        lists = write_items(sync.items)
        if len(lists) == 1:
            values["items"] = lists[0]
        else:
            values["parts"] = self._put_parts(sync.status.sync_id, lists)
        try:
            self._put_document(values, head)
        except VersionMovedError:
            self._expire_parts(values, now)
            raise
        self._expire_parts(head.values, now)

    def put_events(self, sync_id: str, events: Sequence[SyncEvent], now: datetime) -> None:
        """Remember ``events`` as seen."""
        expires_at = int((now + self._event_retention).timestamp())
        self._put(
            _event_key(sync_id, event.webhook_id)
            | {
                "v": SCHEMA_VERSION,
                "eventType": event.event_type,
                "generatedAt": event.generated_at and format_instant(event.generated_at),
                "receivedAt": event.received_at and format_instant(event.received_at),
                "seenAt": format_instant(now),
                "correlationId": event.correlation_id,
                "expiresAt": expires_at,
            }
            for event in events
        )

    # ------------------------------------------------------------ what readers ask

    def load_sync(self, sync_id: str) -> SyncDocument | None:
        """Return the sync's document with all its items, or None if there is none. Never half of one."""
        for _ in range(_MOST_READS):
            found = self._get([_document_key(sync_id)])
            if not found:
                return None
            items = self._items(found[0])
            if len(items) == sum(map(int, found[0]["counts"].values())):
                return read_document(found[0], items)
        raise UnprocessedError(f"the document of sync {sync_id} was replaced each time that it was read")

    def load_seen_events(self, sync_id: str) -> list[str]:
        """Return the ids of the webhooks that were seen for the sync, for as long as those are remembered."""
        items = self._query(_document_key(sync_id)["pk"], _EVENT)
        return [item["sk"].removeprefix(_EVENT) for item in items]

    def load_syncs_of_transaction(self, company_id: str, transaction_id: str) -> list[str]:
        """Return the ids of all syncs that the transaction was in."""
        items = self._query(_pointer_key(company_id, transaction_id, "")["pk"], _SYNC)
        return [item["sk"].removeprefix(_SYNC) for item in items]

    # ------------------------------------------------------------ parts

    def _put_parts(self, sync_id: str, lists: list[list[Values]]) -> Values:
        # A random run id: two workers at once, or one and its own second try, never share a part.
        parts = {"run": uuid.uuid4().hex, "count": len(lists)}
        self._put(
            key | {"v": SCHEMA_VERSION, "items": items}
            for key, items in zip(_part_keys(sync_id, parts), lists, strict=True)
        )
        return parts

    def _expire_parts(self, document: Values, now: datetime) -> None:
        for key in _part_keys(document.get("syncId", ""), document.get("parts")):
            self._client.update_item(
                TableName=self._table,
                Key=_to_item(key),
                UpdateExpression="SET expiresAt = :at",
                ExpressionAttributeValues={":at": _serialize(int((now + _PART_GRACE).timestamp()))},
            )

    def _items(self, document: Values) -> list[Values]:
        """Return the items of a document, fewer than it has if its parts are gone."""
        if "parts" not in document:
            return list(document.get("items", []))
        keys = list(_part_keys(document["syncId"], document["parts"]))
        return [item for part in sorted(self._get(keys), key=lambda part: part["sk"]) for item in part.get("items", ())]

    # ------------------------------------------------------------ DynamoDB

    def _put_document(self, values: Values, head: Head) -> None:
        version = head.values.get("version")
        new = {"ConditionExpression": "attribute_not_exists(pk)"}
        moved = {
            "ConditionExpression": "version = :version",
            "ExpressionAttributeValues": {":version": _serialize(version)},
        }
        condition: Any = new if version is None else moved
        try:
            self._client.put_item(TableName=self._table, Item=_to_item(values), **condition)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            raise VersionMovedError(f"the document of sync {values['syncId']} has moved on") from error

    def _put(self, items: Iterable[Values]) -> None:
        """Write ``items``, in batches side by side. Each is whole by itself: it does not matter which come first."""
        for _ in self._pool.map(self._put_batch, list(_chunks(items, _BATCH_WRITE))):
            pass  # map raises what a batch raised

    def _put_batch(self, items: list[Values]) -> None:
        pending: Any = [{"PutRequest": {"Item": _to_item(item)}} for item in items]
        for attempt in tenacity.Retrying(**_UNPROCESSED_RETRY):
            with attempt:
                answer = self._client.batch_write_item(RequestItems={self._table: pending})
                pending = answer["UnprocessedItems"].get(self._table)
                if pending:
                    raise UnprocessedError(f"DynamoDB left {len(pending)} items unwritten")

    def _get(self, keys: list[Values]) -> list[Values]:
        """Return those items of ``keys`` (at most 100) that are there, in no order, read consistently."""
        pending: Any = {"Keys": [_to_item(key) for key in keys], "ConsistentRead": True}
        found: list[Values] = []
        for attempt in tenacity.Retrying(**_UNPROCESSED_RETRY):
            with attempt:
                answer = self._client.batch_get_item(RequestItems={self._table: pending})
                found += map(_from_item, answer["Responses"].get(self._table, []))
                pending = answer["UnprocessedKeys"].get(self._table)
                if pending:
                    raise UnprocessedError(f"DynamoDB left {len(pending['Keys'])} items unread")
        return found

    def _query(self, pk: str, prefix: str) -> Iterator[Values]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
            ExpressionAttributeValues={":pk": _serialize(pk), ":prefix": _serialize(prefix)},
            ConsistentRead=True,
        )
        return (_from_item(item) for page in pages for item in page["Items"])


# ---------------------------------------------------------------- keys

_DOCUMENT = "SYNC"
_SYNC = "SYNC#"
_EVENT = "EVENT#"


def _document_key(sync_id: str) -> Values:
    return {"pk": f"SYNC#{sync_id}", "sk": _DOCUMENT}


def _event_key(sync_id: str, webhook_id: str) -> Values:
    return {"pk": f"SYNC#{sync_id}", "sk": f"{_EVENT}{webhook_id}"}


def _pointer_key(company_id: str, transaction_id: str, sync_id: str) -> Values:
    return {"pk": f"TXN#{company_id}#{transaction_id}", "sk": f"{_SYNC}{sync_id}"}


def _part_keys(sync_id: str, parts: Values | None) -> Iterator[Values]:
    for number in range(int(parts["count"]) if parts else 0):
        yield {"pk": f"SYNC#{sync_id}", "sk": f"ITEMS#{parts['run']}#{number:04}"}  # type: ignore[index]


def _index_keys(document: Values) -> Values:
    """Return what lists a sync by company and by day: at the time that Codat gave, or else when it was first seen."""
    at = document["syncUtc"] or document["firstSeenAt"]
    position = f"{at}#{document['syncId']}"
    return {
        "companyPk": f"COMPANY#{document['companyId']}",
        "companySk": position,
        "dayPk": f"DAY#{at[:10]}",
        "daySk": position,
    }


# ---------------------------------------------------------------- DynamoDB's notation


def _to_item(values: Values) -> Values:
    return {name: _serialize(value) for name, value in values.items()}


def _from_item(item: Values) -> Values:
    return {name: _deserialize(value) for name, value in item.items()}


def _chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
