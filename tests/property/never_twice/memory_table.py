"""SyncTable in memory, which is fast enough for many examples: each method of ``Table`` is one step."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from codat_sync.aws.dynamodb import Attributes, Table, _from_item, _to_item
from codat_sync.aws.table_schema import Partition
from codat_sync.core.errors import ConditionFailedError
from tests.property.boundaries import CALL_DURATION, IGNORED_SORT_KEYS
from tests.property.never_twice.boundaries import call_fates
from tests.support.clock import ManualClock
from tests.support.stepping import Call, Fate, outside

T = TypeVar("T")


class MemoryTable(Table):
    """A table whose every call is a step."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._items: dict[tuple[str, str], Attributes] = {}

    def get(self, keys: Iterable[Attributes], names: Sequence[str] = (), *, size: int = 0) -> list[Attributes]:  # noqa: ARG002 - all are given
        wanted = list(keys)
        work = lambda: [dict(self._items[_key(key)]) for key in wanted if _key(key) in self._items]  # noqa: E731
        return self._call("batch_get_item", wanted, work)

    def get_attribute(self, key: Attributes, name: str) -> object:
        return self._call("get_item", [key], lambda: self._items.get(_key(key), {}).get(name))

    def query(self, pk: str, prefix: str) -> Iterator[Attributes]:
        def work() -> list[Attributes]:
            found = sorted(place for place in self._items if place[0] == pk and place[1].startswith(prefix))
            return [dict(self._items[place]) for place in found]

        return iter(self._call("query", [], work))

    def query_until(self, partition: Partition, end: str) -> Iterator[Attributes]:
        def work() -> list[Attributes]:
            found = [dict(item) for item in self._items.values() if item.get(partition.name) == partition.value]
            return sorted((item for item in found if item[partition.sort] <= end), key=lambda it: it[partition.sort])

        return iter(self._call("query", [], work))

    def put(self, item: Attributes, expected: Mapping[str, object]) -> None:
        self._call("put_item", [item], lambda: self._put_if([(item, expected)]))

    def update(
        self,
        key: Attributes,
        changes: Mapping[str, object],
        expected: Mapping[str, object],
        *,
        increment: str | None = None,
    ) -> None:
        def work() -> None:
            self._require(key, expected)
            number = self._items.get(_key(key), {}).get(increment or "", 0)
            self._change(key, {**changes, **({increment: number + 1} if increment else {})})

        self._call("update_item", [key], work)

    def update_newest(self, key: Attributes, changes: Mapping[str, object], name: str) -> bool:
        def work() -> bool:
            is_newest = bool(self._items.get(_key(key), {}).get(name, "") <= changes[name])
            if is_newest:
                self._change(key, changes)
            return is_newest

        return self._call("update_item", [key], work)

    def transact(
        self,
        puts: Sequence[tuple[Attributes, Mapping[str, object]]],
        updates: Sequence[tuple[Attributes, Attributes, Mapping[str, object]]] = (),
        checks: Sequence[tuple[Attributes, Mapping[str, object]]] = (),
    ) -> None:
        def work() -> None:
            for key, expected in [*checks, *((key, expected) for key, _, expected in updates)]:
                self._require(key, expected)
            self._put_if(puts)
            for key, changes, _ in updates:
                self._change(key, changes)

        self._call("transact_write_items", [*(item for item, _ in puts), *(key for key, *_ in updates)], work)

    def put_all(self, items: Iterable[Attributes], *, large: bool = False) -> None:
        assert not large
        if some := list(items):
            self._call("batch_write_item", some, lambda: self._put_if([(item, {}) for item in some]))

    def _put_if(self, puts: Sequence[tuple[Attributes, Mapping[str, object]]]) -> None:
        for item, expected in puts:
            self._require(item, expected)
        for item, _ in puts:
            self._items[_key(item)] = _stored(item)

    def _change(self, key: Attributes, changes: Mapping[str, object]) -> None:
        item = _stored(self._items.get(_key(key), dict(key)))
        for name, value in changes.items():
            parent, _, last = name.rpartition(".")
            target = item[parent] if parent else item
            target[last] = value
            if value is None:
                del target[last]
        self._items[_key(key)] = _stored(item)

    def _require(self, key: Attributes, expected: Mapping[str, object]) -> None:
        item = self._items.get(_key(key), {})
        for name, value in expected.items():
            parent, _, last = name.rpartition(".")
            found = item.get(parent, {}) if parent else item
            if found.get(last) != value or (value is None and last in found):
                raise ConditionFailedError("the item is not as it was")

    def _call(self, name: str, items: Sequence[Attributes], work: Callable[[], T]) -> T:
        def attempt(_: Fate) -> T:
            self._clock.pass_by(CALL_DURATION)
            return work()

        if items and {item["sk"] for item in items} <= IGNORED_SORT_KEYS:
            return attempt(Fate.WELL)
        answer: T = outside(Call(name, attempt, call_fates(name)))
        return answer


def _key(key: Attributes) -> tuple[str, str]:
    return key["pk"], key["sk"]


def _stored(item: Attributes) -> Attributes:
    return _from_item(_to_item(item))
