"""Read and write SyncTable's items in DynamoDB, independent of their meaning."""

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import reduce
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import tenacity
from boto3.dynamodb.conditions import And, Attr, ConditionBase, ConditionExpressionBuilder, Key
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
# The maximum number of items per request: all of them fit if none takes more than 160 KB.
SMALL_BATCH_GET = 100
_BATCHES_AT_ONCE = 16
_UNPROCESSED_RETRY: dict[str, Any] = {
    "retry": tenacity.retry_if_exception_type(UnprocessedItemsError),
    "wait": tenacity.wait_random_exponential(multiplier=0.05, max=2),
    "stop": tenacity.stop_after_attempt(8),
    "reraise": True,
}

# A conflict with another transaction also cancels one, and means the same: start over.
_CONDITION_FAILED = {"ConditionalCheckFailedException", "TransactionCanceledException", "TransactionConflictException"}

# The attribute that identifies the last conditional write of an item. Only this module sees it.
_WRITE_ID = "writeId"
_NAMES, _VALUES = "ExpressionAttributeNames", "ExpressionAttributeValues"

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


class Table:
    """A table whose keys are ``pk`` and ``sk``. Safe to share between threads."""

    def __init__(self, client: "DynamoDBClient", name: str) -> None:
        self._client = client
        self._name = name
        self._pool = ThreadPoolExecutor(_BATCHES_AT_ONCE, thread_name_prefix="batch")

    # ------------------------------------------------------------ reads

    def get(self, keys: Iterable[Attributes], names: Sequence[str] = (), *, size: int = _BATCH_GET) -> list[Attributes]:
        """Return the existing items of ``keys`` (no duplicates), unordered, read consistently.

        With ``names``, return only these attributes. A request reads ``size`` items: up to 100 (``SMALL_BATCH_GET``) if
        they are small. Raises UnprocessedItemsError.
        """
        return [item for chunk in batched(keys, size) for item in self._get_batch(chunk, names)]

    def get_attribute(self, key: Attributes, name: str) -> object:
        """Return one attribute of an item, read consistently, or None if it does not exist."""
        item = self._client.get_item(
            TableName=self._name, Key=_to_item(key), ConsistentRead=True, **_projection([name])
        ).get("Item", {})
        return _from_item(item).get(name)

    def query(self, pk: str, prefix: str) -> Iterator[Attributes]:
        """Yield the items of a partition whose sort key begins with ``prefix``, in order, read consistently."""
        key = _key_condition(Key("pk").eq(pk) & Key("sk").begins_with(prefix))
        return self._query(ConsistentRead=True, **key)

    def query_until(self, partition: Partition, end: str) -> Iterator[Attributes]:
        """Yield the items of an index's partition up to the sort key ``end``, in order."""
        key = _key_condition(Key(partition.name).eq(partition.value) & Key(partition.sort).lte(end))
        return self._query(IndexName=partition.index, **key)

    def query_page(
        self,
        partition: Partition,
        after: str | None,
        limit: int | None,
        *,
        newest_first: bool,
        names: Sequence[str] = (),
    ) -> tuple[list[Attributes], bool]:
        """Return one page of a partition, starting after the sort key ``after``, and whether there is more.

        With ``names``, return only these attributes.
        """
        key: ConditionBase = Key(partition.name).eq(partition.value)
        if after is not None:
            sort = Key(partition.sort)
            key &= sort.lt(after) if newest_first else sort.gt(after)
        more: Any = {"Limit": limit} if limit else {}
        if partition.index:
            more["IndexName"] = partition.index
        answer = self._client.query(
            TableName=self._name,
            ScanIndexForward=not newest_first,
            **_merge(_projection(names), _key_condition(key)),
            **more,
        )
        return [_from_item(item) for item in answer["Items"]], "LastEvaluatedKey" in answer

    def query_beginning(self, partition: Partition, beginning: str, limit: int) -> tuple[list[Attributes], bool]:
        """Return up to ``limit`` items of a partition whose sort key begins so, in order, and whether there is more."""
        key = Key(partition.name).eq(partition.value) & Key(partition.sort).begins_with(beginning)
        answer = self._client.query(TableName=self._name, Limit=limit, **_key_condition(key))
        return [_from_item(item) for item in answer["Items"]], "LastEvaluatedKey" in answer

    def count(self, partition: Partition, limit: int) -> tuple[int, bool]:
        """Count the items of a partition, at most ``limit`` and what a request reads (1 MB); whether there is more."""
        key = _key_condition(Key(partition.name).eq(partition.value))
        answer = self._client.query(TableName=self._name, IndexName=partition.index, Select="COUNT", Limit=limit, **key)
        return answer["Count"], "LastEvaluatedKey" in answer

    def query_partition(self, pk: str, names: Sequence[str]) -> list[Attributes]:
        """Return the attributes ``names`` of all items of a partition, in order, read consistently."""
        arguments = _merge(_projection(names), _key_condition(Key("pk").eq(pk)))
        return list(self._query(ConsistentRead=True, **arguments))

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
        self._write_conditionally(
            lambda write_id: self._client.put_item(
                TableName=self._name, Item=_to_item(item | {_WRITE_ID: write_id}), **_condition(_matches(expected))
            )
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

        A dot in a name descends into a map, which has to exist.
        ``increment`` names an attribute to increment by one, from 0. Raises ConditionFailedError.
        """
        self._update_item(key, changes, _matches(expected), {increment: 1} if increment else {})

    def acquire_lease(
        self, key: Attributes, name: str, value: str, *, free_outside: tuple[str, str], expires_at: int
    ) -> bool:
        """Set an attribute if it is absent, or outside of the range of values that a current lease can have.

        Returns whether it was set.
        """
        is_free = Attr(name).not_exists() | Attr(name).lt(free_outside[0]) | Attr(name).gt(free_outside[1])
        return self._try_update(key, {name: value, "expiresAt": expires_at}, is_free)

    def update_newest(self, key: Attributes, changes: Mapping[str, object], name: str) -> bool:
        """Set attributes of an item, unless its ``name`` has a higher value. Returns whether they were set."""
        return self._try_update(key, changes, Attr(name).not_exists() | Attr(name).lte(changes[name]))

    def increment_counter(self, key: Attributes, most: int, expires_at: int, *, by: int = 1) -> bool:
        """Add ``by`` to an item's ``number``, unless the sum exceeds ``most`` (which is at least ``by``).

        Returns whether it was added.
        """
        has_room = Attr("number").not_exists() | Attr("number").lte(most - by)
        return self._try_update(key, {"expiresAt": expires_at}, has_room, {"number": by})

    def _try_update(
        self,
        key: Attributes,
        changes: Mapping[str, object],
        condition: ConditionBase,
        increments: Mapping[str, int] = MappingProxyType({}),
    ) -> bool:
        try:
            self._update_item(key, changes, condition, increments)
        except ConditionFailedError:
            return False
        return True

    def _update_item(
        self,
        key: Attributes,
        changes: Mapping[str, object],
        condition: ConditionBase | None,
        increments: Mapping[str, int],
    ) -> None:
        def write(write_id: str) -> object:
            change = _update({**changes, _WRITE_ID: write_id}, increments)
            # A repeated increment would succeed again: this condition makes it fail.
            is_new = (Attr(_WRITE_ID).not_exists() | Attr(_WRITE_ID).ne(write_id)) if increments else None
            arguments = _merge(change, _condition(_all([condition, is_new])))
            return self._client.update_item(TableName=self._name, Key=_to_item(key), **arguments)

        self._write_conditionally(write)

    def transact(
        self,
        puts: Sequence[tuple[Attributes, Mapping[str, object]]],
        updates: Sequence[tuple[Attributes, Attributes, Mapping[str, object]]] = (),
        checks: Sequence[tuple[Attributes, Mapping[str, object]]] = (),
    ) -> None:
        """Replace and update items that match their expected attributes, atomically.

        The items of ``checks`` must match their expected attributes, too. At most 100 items.

        Raises ConditionFailedError, also on a conflict with a concurrent transaction.
        """
        table = {"TableName": self._name}

        def write(write_id: str) -> object:
            mark = {_WRITE_ID: write_id}
            operations: list[Any] = [
                *(
                    {"Put": {**table, "Item": _to_item(item | mark), **_condition(_matches(expected))}}
                    for item, expected in puts
                ),
                *(
                    {
                        "Update": {
                            **table,
                            "Key": _to_item(key),
                            **_merge(_update(changes | mark), _condition(_matches(expected))),
                        }
                    }
                    for key, changes, expected in updates
                ),
                *(
                    {"ConditionCheck": {**table, "Key": _to_item(key), **_condition(_matches(expected))}}
                    for key, expected in checks
                ),
            ]
            return self._client.transact_write_items(TransactItems=operations, ClientRequestToken=write_id)

        self._write_conditionally(write)

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
        pending: Any = {"Keys": [_to_item(key) for key in keys], "ConsistentRead": True, **_projection(names)}
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

    def _write_conditionally(self, write: Callable[[str], object]) -> None:
        """Make a write that marks what it writes with an id.

        The SDK repeats a request whose response was lost. If the first attempt was applied, the condition fails on our
        own write: DynamoDB returns the item, and the id shows whose it is.
        """
        write_id = uuid.uuid4().hex
        try:
            write(write_id)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _CONDITION_FAILED:
                raise
            if not _is_marked(error.response, write_id):
                raise ConditionFailedError("the item is not as it was") from error


def _is_marked(response: Mapping[str, Any], write_id: str) -> bool:
    """Return whether a failed condition's response, or one of a transaction's reasons, has an item of this write."""
    failures = (response, *response.get("CancellationReasons", ()))
    return any(each.get("Item", {}).get(_WRITE_ID) == _serialize(write_id) for each in failures)


# Each function below returns a request's arguments for one expression. Names and values have placeholders, as many
# names are reserved words; those of different expressions differ (n and v, u, p_), so that _merge can combine them.


def _matches(expected: Mapping[str, object]) -> ConditionBase | None:
    """Return the condition that an item's attributes have these values (None: absent); None if none is expected."""
    conditions = [
        Attr(name).not_exists() if value is None else Attr(name).eq(value) for name, value in expected.items()
    ]
    return _all(conditions)


def _all(conditions: Iterable[ConditionBase | None]) -> ConditionBase | None:
    given = [each for each in conditions if each is not None]
    return reduce(And, given) if given else None


def _condition(condition: ConditionBase | None) -> Attributes:
    """Write only on a condition; if it fails, the error has the item."""
    if condition is None:
        return {}
    return _built("ConditionExpression", condition) | {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}


def _key_condition(condition: ConditionBase) -> Attributes:
    return _built("KeyConditionExpression", condition)


def _built(argument: str, condition: ConditionBase) -> Attributes:
    expression, names, values = ConditionExpressionBuilder().build_expression(condition)
    return _merge({argument: expression, _NAMES: names, _VALUES: _to_item(values)})


def _update(changes: Mapping[str, object], increments: Mapping[str, int] | None = None) -> Attributes:
    """Set attributes (None: remove them) and add to numbers, from 0. boto3 has no builder for these expressions.

    A dot in a name descends into a map.
    """
    changed = {**changes, **(increments or {})}
    tags = {name: f"u{number}" for number, name in enumerate(changed)}
    parts = dict.fromkeys(part for name in changed for part in name.split("."))
    part_tags = {part: f"#u{number}" for number, part in enumerate(parts)}
    paths = {name: ".".join(part_tags[part] for part in name.split(".")) for name in changed}
    clauses = {
        "SET": [f"{paths[name]} = :{tags[name]}" for name, value in changes.items() if value is not None],
        "REMOVE": [paths[name] for name, value in changes.items() if value is None],
        "ADD": [f"{paths[name]} :{tags[name]}" for name in increments or {}],
    }
    return _merge(
        {
            "UpdateExpression": " ".join(f"{verb} {', '.join(each)}" for verb, each in clauses.items() if each),
            _NAMES: {tag: part for part, tag in part_tags.items()},
            _VALUES: _to_item({f":{tags[name]}": value for name, value in changed.items() if value is not None}),
        }
    )


def _projection(names: Sequence[str]) -> Attributes:
    """Limit a response to these attributes, if there are any; a dot descends into a map."""
    parts = {part for name in names for part in name.split(".")}
    return _merge(
        {
            "ProjectionExpression": ", ".join("#p_" + name.replace(".", ".#p_") for name in names),
            _NAMES: {f"#p_{part}": part for part in parts},
        }
    )


def _merge(*requests: Attributes) -> Attributes:
    """Combine arguments, with one mapping of names and one of values; without empty ones, which DynamoDB rejects."""
    merged: Attributes = {}
    for argument, value in (pair for request in requests for pair in request.items() if pair[1]):
        merged[argument] = merged.get(argument, {}) | value if isinstance(value, dict) else value
    return merged


def _to_item(values: Attributes) -> Attributes:
    return {name: _serialize(value) for name, value in values.items()}


def _from_item(item: Mapping[str, Any]) -> Attributes:
    return {name: _deserialize(value) for name, value in item.items() if name != _WRITE_ID}
