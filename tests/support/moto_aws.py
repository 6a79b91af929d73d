"""moto's AWS in this process, with a DynamoDB that is serialized and faster."""

import copy
import inspect
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.endpoint import Endpoint
from botocore.session import Session
from moto import mock_aws
from moto.core.serialize import SERIALIZERS, JSONSerializer
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import Table
from moto.dynamodb.responses import DynamoHandler

# Requests and responses of moto, of many types.
Json = dict[str, Any]


@contextmanager
def moto_aws() -> Iterator[None]:
    """Route boto3 to moto's AWS, which is empty at first, until the block ends."""
    # Keep the session: a new one would load botocore's service models again.
    with mock_aws(config={"core": {"reset_boto3_session": False}}), pytest.MonkeyPatch.context() as patch:
        for owner, name in ((Endpoint, "_get_response"), (Session, "create_client")):
            patch.setattr(owner, name, _unwatched(getattr(owner, name)))
        patch.setattr(DynamoHandler, "call_action", _one_at_a_time(DynamoHandler.call_action))
        patch.setattr(DynamoDBBackend, "transact_write_items", _all_or_nothing(DynamoDBBackend.transact_write_items))
        patch.setattr(Table, "__deepcopy__", lambda table, _: table, raising=False)
        patch.setattr(Item, "project", _projected(Item.project))
        patch.setattr(Table, "query", _of_the_partition_only(Table.query))
        patch.setattr(DynamoType, "cast_value", _cast_at_once(DynamoType.cast_value))
        patch.setitem(SERIALIZERS, "json", _Serializer)
        # Called many times per message for each attribute of a queue.
        patch.setattr("moto.sqs.models.unix_time_millis", lambda: time.time() * 1000)
        yield


def _unwatched(answer: Callable[..., Any]) -> Callable[..., Any]:
    """Run a library's code without tracing: its coverage is of no interest, and tracing doubles its time."""

    def unwatched(*arguments: object, **named: object) -> Any:  # noqa: ANN401 - the library's own
        watching = sys.gettrace()
        sys.settrace(None)
        try:
            return answer(*arguments, **named)
        finally:
            sys.settrace(watching)

    return unwatched


def _one_at_a_time(answer: Callable[[DynamoHandler], Any]) -> Callable[[DynamoHandler], Any]:
    """Serialize requests: moto checks a condition and writes in two steps, between which threads can interleave."""
    lock = threading.Lock()

    def call_action(handler: DynamoHandler) -> Any:  # noqa: ANN401 - moto's own
        with lock:
            return answer(handler)

    return call_action


def _all_or_nothing(
    write: Callable[[DynamoDBBackend, list[Json]], None],
) -> Callable[[DynamoDBBackend, list[Json]], None]:
    """Roll back by undoing each change; moto copies the table for each operation."""

    def transact_write_items(backend: DynamoDBBackend, transact_items: list[Json]) -> None:
        undo = [_undo(backend, operation) for each in transact_items for operation in each.values()]
        try:
            write(backend, transact_items)
        except Exception:
            for each in undo:
                each()
            raise

    return transact_write_items


def _undo(backend: DynamoDBBackend, operation: Json) -> Callable[[], None]:
    """Return a callable that restores the operation's item to its current state and removes newer stream records."""
    table = backend.get_table(operation["TableName"])
    hash_key, range_key = backend.get_keys_value(table, operation.get("Key") or operation["Item"])
    records = table.stream_shard.items if table.stream_shard else []
    item, record_count = copy.deepcopy(table.items[hash_key].get(range_key)), len(records)

    def undo() -> None:
        if item is None:
            table.items[hash_key].pop(range_key, None)
        else:
            table.items[hash_key][range_key] = item
        del records[record_count:]

    return undo


def _projected(project: Callable[[Item, list[list[str]]], Item]) -> Callable[[Item, list[list[str]]], Item]:
    """Omit attributes directly; moto converts all of them for each requested name."""

    def projected(item: Item, names: list[list[str]]) -> Item:
        if any(len(path) > 1 or "[" in path[0] for path in names):
            return project(item, names)
        wanted = {name for (name,) in names}
        made = Item(item.hash_key, item.range_key, {})
        made.attrs |= {name: value for name, value in item.attrs.items() if name in wanted}
        return made

    return projected


def _of_the_partition_only(query: Callable[..., Any]) -> Callable[..., Any]:
    """Query only the items of the partition; moto sorts the whole table for each query, by converted values."""
    bind = inspect.signature(query).bind

    def queried(table: Table, hash_key: DynamoType, *arguments: object, **named: object) -> Any:  # noqa: ANN401 - moto's own
        asked = bind(table, hash_key, *arguments, **named).arguments
        if asked["index_name"] is None:
            items = list(table.items.get(hash_key, {}).values())
        else:
            ((name, value),) = asked["hash_key_conditions"]
            everything = (item for partition in table.items.values() for item in partition.values())
            items = [item for item in everything if (found := item.attrs.get(name)) and found.value == value.value]
        table.all_items = lambda: items  # type: ignore[method-assign] # for this query, which sorts what it selects
        try:
            return query(table, hash_key, *arguments, **named)
        finally:
            del table.all_items

    return queried


def _cast_at_once(cast_value: Any) -> property:  # noqa: ANN401 - a property
    """Return the value of a text; moto first tries six other types, for each comparison of two keys."""
    return property(lambda value: value.value if value.type == "S" else cast_value.fget(value))


class _Serializer(JSONSerializer):
    """Serialize DynamoDB's values directly: moto would try each of ten possible type names."""

    def _serialize_type_structure(self, serialized: Any, value: Any, shape: Any, key: str) -> None:  # noqa: ANN401 - moto's own
        if shape.name != "AttributeValue" or not isinstance(value, dict):
            super()._serialize_type_structure(serialized, value, shape, key)
            return
        said: Json = {}
        for name, each in value.items():
            self._serialize(said, each, shape.members[name], name)
        self._default_serialize(serialized, said, shape, key)
