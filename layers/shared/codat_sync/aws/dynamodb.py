"""Read and write SyncTable's items in DynamoDB, independent of their meaning."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

import tenacity
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from codat_sync.aws.table_schema import Partition
from codat_sync.core.errors import ConditionFailedError, UnprocessedItemsError
from codat_sync.core.iterables import batched

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# An item's attributes: values of any DynamoDB type, which differ from item to item.
Attributes = dict[str, Any]

# AWS's limits: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html. A batch over
# 16 MB is rejected too: fewer large items fit, as one can take 400 KB.
_BATCH_WRITE = 25
_BATCH_WRITE_LARGE = 8
# DynamoDB returns at most 16 MB at a time and leaves the rest unprocessed: this many of the largest items fit.
_BATCH_GET = 40
_BATCHES_AT_ONCE = 16
_UNPROCESSED_RETRY: dict[str, Any] = {
    "retry": tenacity.retry_if_exception_type(UnprocessedItemsError),
    "wait": tenacity.wait_random_exponential(multiplier=0.05, max=2),
    "stop": tenacity.stop_after_attempt(8),
    "reraise": True,
}

# A conflict with another transaction also cancels one, and means the same: start over.
_CONDITION_FAILED = {"ConditionalCheckFailedException", "TransactionCanceledException", "TransactionConflictException"}

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


class Table:
    """A table whose keys are ``pk`` and ``sk``. Safe to share between threads."""

    def __init__(self, client: "DynamoDBClient", name: str) -> None:
        self._client = client
        self._name = name
        self._pool = ThreadPoolExecutor(_BATCHES_AT_ONCE, thread_name_prefix="batch")

    # ------------------------------------------------------------ reads

    def get(self, keys: Iterable[Attributes], names: Sequence[str] = ()) -> list[Attributes]:
        """Return the existing items of ``keys`` (no duplicates), unordered, read consistently.

        With ``names``, return only these attributes. Raises UnprocessedItemsError.
        """
        return [item for chunk in batched(keys, _BATCH_GET) for item in self._get_batch(chunk, names)]

    def get_attribute(self, key: Attributes, name: str) -> object:
        """Return one attribute of an item, read consistently, or None if it does not exist."""
        item = self._client.get_item(
            TableName=self._name,
            Key=_to_item(key),
            ConsistentRead=True,
            ProjectionExpression="#name",
            ExpressionAttributeNames={"#name": name},
        ).get("Item", {})
        return _from_item(item).get(name)

    def query(self, pk: str, prefix: str) -> Iterator[Attributes]:
        """Yield the items of a partition whose sort key begins with ``prefix``, in order, read consistently."""
        return self._query(
            KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
            ExpressionAttributeValues={":pk": _serialize(pk), ":prefix": _serialize(prefix)},
            ConsistentRead=True,
        )

    def query_index(self, index: str, key: Mapping[str, str], until: Mapping[str, str]) -> Iterator[Attributes]:
        """Yield the items of ``index`` with the partition ``key`` up to the sort key ``until``, in order."""
        (partition, pk), (sort, end) = *key.items(), *until.items()
        return self._query(
            IndexName=index,
            KeyConditionExpression=f"{partition} = :pk AND {sort} <= :end",
            ExpressionAttributeValues={":pk": _serialize(pk), ":end": _serialize(end)},
        )

    def query_page(
        self, partition: Partition, after: str | None, limit: int | None, *, newest_first: bool
    ) -> tuple[list[Attributes], bool]:
        """Return one page of a partition, starting after the sort key ``after``, and whether there is more."""
        condition, values = f"{partition.name} = :pk", {":pk": _serialize(partition.value)}
        if after is not None:
            condition += f" AND {partition.sort} {'<' if newest_first else '>'} :after"
            values[":after"] = _serialize(after)
        more: Any = {"Limit": limit} if limit else {}
        if partition.index:
            more["IndexName"] = partition.index
        answer = self._client.query(
            TableName=self._name,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            ScanIndexForward=not newest_first,
            **more,
        )
        return [_from_item(item) for item in answer["Items"]], "LastEvaluatedKey" in answer

    def query_partition(self, pk: str, names: Sequence[str]) -> list[Attributes]:
        """Return the attributes ``names`` of all items of a partition, in order, read consistently."""
        arguments = _projection(names) | {"ExpressionAttributeValues": {":pk": _serialize(pk)}}
        return list(self._query(KeyConditionExpression="pk = :pk", ConsistentRead=True, **arguments))

    def scan(self, names: Sequence[str]) -> Iterator[list[Attributes]]:
        """Yield the attributes ``names`` of all items of the table, one page (1 MB) at a time.

        Reads the whole table consistently: never use it while a user waits for a response.
        """
        pages = self._client.get_paginator("scan").paginate(
            TableName=self._name, ConsistentRead=True, **_projection(names)
        )
        return ([_from_item(item) for item in page["Items"]] for page in pages)

    # ------------------------------------------------------------ writes

    def put(self, item: Attributes, expected: Mapping[str, object]) -> None:
        """Replace an item if its attributes match ``expected`` (None: absent). Raises ConditionFailedError."""
        condition = _Expression()
        condition.require(expected)
        self._write_conditionally(
            lambda: self._client.put_item(TableName=self._name, Item=_to_item(item), **condition.arguments())
        )

    def update(
        self,
        key: Attributes,
        changes: Mapping[str, object],
        expected: Mapping[str, object],
        *,
        increment: str | None = None,
    ) -> None:
        """Set attributes of an item (None: remove) if it matches ``expected``; create it if it does not exist.

        ``increment`` names an attribute to increment by one, from 0. Raises ConditionFailedError.
        """
        expression = _Expression()
        expression.change(changes, increment)
        expression.require(expected)
        self._write_conditionally(
            lambda: self._client.update_item(TableName=self._name, Key=_to_item(key), **expression.arguments())
        )

    def acquire_lease(self, key: Attributes, name: str, value: str, *, free_before: str, expires_at: int) -> bool:
        """Set an attribute if it is absent or less than ``free_before``. Returns whether it was set."""
        arguments: Any = {
            "UpdateExpression": "SET #name = :value, expiresAt = :at",
            "ConditionExpression": "attribute_not_exists(#name) OR #name < :free",
            "ExpressionAttributeNames": {"#name": name},
            "ExpressionAttributeValues": {
                ":value": _serialize(value),
                ":free": _serialize(free_before),
                ":at": _serialize(expires_at),
            },
        }
        return self._try_update(key, arguments)

    def increment_counter(self, key: Attributes, most: int, expires_at: int, *, by: int = 1) -> bool:
        """Add ``by`` to an item's ``number``, unless the sum exceeds ``most`` (which is at least ``by``).

        Returns whether it was added.
        """
        arguments: Any = {
            "UpdateExpression": "ADD #number :by SET expiresAt = :at",
            "ConditionExpression": "attribute_not_exists(#number) OR #number <= :most",
            "ExpressionAttributeNames": {"#number": "number"},
            "ExpressionAttributeValues": {
                ":by": _serialize(by),
                ":most": _serialize(most - by),
                ":at": _serialize(expires_at),
            },
        }
        return self._try_update(key, arguments)

    def _try_update(self, key: Attributes, arguments: Any) -> bool:  # noqa: ANN401 - DynamoDB's arguments vary
        try:
            self._write_conditionally(
                lambda: self._client.update_item(TableName=self._name, Key=_to_item(key), **arguments)
            )
        except ConditionFailedError:
            return False
        return True

    def transact(
        self,
        puts: Sequence[tuple[Attributes, Mapping[str, object]]],
        updates: Sequence[tuple[Attributes, Attributes]] = (),
        checks: Sequence[tuple[Attributes, Mapping[str, object]]] = (),
    ) -> None:
        """Replace items that match their expected attributes and update others, atomically.

        The items of ``checks`` must match their expected attributes, too. At most 100 items.

        Raises ConditionFailedError, also on a conflict with a concurrent transaction.
        """
        operations: list[Any] = []
        for item, expected in puts:
            condition = _Expression()
            condition.require(expected)
            operations.append({"Put": {"TableName": self._name, "Item": _to_item(item), **condition.arguments()}})
        for key, changes in updates:
            change = _Expression()
            change.change(changes)
            operations.append({"Update": {"TableName": self._name, "Key": _to_item(key), **change.arguments()}})
        for key, expected in checks:
            condition = _Expression()
            condition.require(expected)
            check = {"TableName": self._name, "Key": _to_item(key), **condition.arguments()}
            operations.append({"ConditionCheck": check})
        self._write_conditionally(lambda: self._client.transact_write_items(TransactItems=operations))

    def put_all(self, items: Iterable[Attributes], *, large: bool = False) -> None:
        """Write ``items`` in concurrent batches, in no particular order.

        Raises UnprocessedItemsError.
        """
        self._write_all(({"PutRequest": {"Item": _to_item(item)}} for item in items), large=large)

    def delete_all(self, keys: Iterable[Attributes]) -> None:
        """Delete the items of ``keys`` that exist. Raises UnprocessedItemsError."""
        self._write_all(({"DeleteRequest": {"Key": _to_item(key)}} for key in keys), large=False)

    # ------------------------------------------------------------ one request, or a few

    def _write_all(self, requests: Iterable[Attributes], *, large: bool) -> None:
        size, at_once = (_BATCH_WRITE_LARGE, 2) if large else (_BATCH_WRITE, _BATCHES_AT_ONCE)
        # Build a few batches at a time: items may be large.
        for group in batched(batched(requests, size), at_once):
            # Copy the context, so that this invocation's deadline applies in the pool's threads.
            written = [self._pool.submit(copy_context().run, self._write_batch, batch) for batch in group]
            for each in written:
                each.result()

    def _write_batch(self, requests: Sequence[Attributes]) -> None:
        pending: Any = requests
        for attempt in tenacity.Retrying(**_UNPROCESSED_RETRY):
            with attempt:
                answer = self._client.batch_write_item(RequestItems={self._name: pending})
                pending = answer["UnprocessedItems"].get(self._name)
                if pending:
                    raise UnprocessedItemsError(f"DynamoDB left {len(pending)} items unwritten")

    def _get_batch(self, keys: Sequence[Attributes], names: Sequence[str]) -> list[Attributes]:
        pending: Any = {"Keys": [_to_item(key) for key in keys], "ConsistentRead": True}
        if names:
            pending["ExpressionAttributeNames"] = {f"#{name}": name for name in names}
            pending["ProjectionExpression"] = ", ".join(pending["ExpressionAttributeNames"])
        found: list[Attributes] = []
        for attempt in tenacity.Retrying(**_UNPROCESSED_RETRY):
            with attempt:
                answer = self._client.batch_get_item(RequestItems={self._name: pending})
                found += map(_from_item, answer["Responses"].get(self._name, []))
                pending = answer["UnprocessedKeys"].get(self._name)
                if pending:
                    raise UnprocessedItemsError(f"DynamoDB left {len(pending['Keys'])} items unread")
        return found

    def _query(self, **arguments: Any) -> Iterator[Attributes]:  # noqa: ANN401 - DynamoDB's arguments vary
        pages = self._client.get_paginator("query").paginate(TableName=self._name, **arguments)
        return (_from_item(item) for page in pages for item in page["Items"])

    def _write_conditionally(self, write: Any) -> None:  # noqa: ANN401 - the response of a write is not used
        try:
            write()
        except ClientError as error:
            if error.response["Error"]["Code"] not in _CONDITION_FAILED:
                raise
            raise ConditionFailedError("the item is not as it was") from error


class _Expression:
    """Build DynamoDB expressions with a placeholder for each name and value, as many names are reserved words."""

    def __init__(self) -> None:
        self._update = ""
        self._condition = ""
        self._names: dict[str, str] = {}
        self._values: Attributes = {}

    def change(self, changes: Mapping[str, object], increment: str | None = None) -> None:
        sets = [f"{self._name(name)} = {self._value(value)}" for name, value in changes.items() if value is not None]
        removes = [self._name(name) for name, value in changes.items() if value is None]
        adds = [f"{self._name(increment)} {self._value(1)}"] if increment else []
        clauses = (("SET ", sets), ("REMOVE ", removes), ("ADD ", adds))
        self._update = " ".join(verb + ", ".join(parts) for verb, parts in clauses if parts)

    def require(self, expected: Mapping[str, object]) -> None:
        self._condition = " AND ".join(
            f"attribute_not_exists({self._name(name)})"
            if value is None
            else f"{self._name(name)} = {self._value(value)}"
            for name, value in expected.items()
        )

    def arguments(self) -> Any:  # noqa: ANN401 - DynamoDB's arguments vary
        arguments = {
            "UpdateExpression": self._update,
            "ConditionExpression": self._condition,
            "ExpressionAttributeNames": self._names,
            "ExpressionAttributeValues": self._values,
        }
        return {name: value for name, value in arguments.items() if value}

    def _name(self, name: str) -> str:
        self._names[f"#{name}"] = name
        return f"#{name}"

    def _value(self, value: object) -> str:
        placeholder = f":v{len(self._values)}"
        self._values[placeholder] = _serialize(value)
        return placeholder


def _projection(names: Sequence[str]) -> Any:  # noqa: ANN401 - DynamoDB's arguments vary
    """Return the arguments that limit a response to these attributes; a dot descends into a map."""
    parts = {part for name in names for part in name.split(".")}
    return {
        "ProjectionExpression": ", ".join("#" + name.replace(".", ".#") for name in names),
        "ExpressionAttributeNames": {f"#{part}": part for part in parts},
    }


def _to_item(values: Attributes) -> Attributes:
    return {name: _serialize(value) for name, value in values.items()}


def _from_item(item: Mapping[str, Any]) -> Attributes:
    return {name: _deserialize(value) for name, value in item.items()}
