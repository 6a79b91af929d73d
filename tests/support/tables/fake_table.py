"""A table in memory for unit tests that need only single items."""

from collections.abc import Iterable, Mapping
from typing import cast

from codat_sync.aws.dynamodb import Attributes, Table
from codat_sync.core.errors import ConditionFailedError


class FakeTable:
    """Items by key. ``writes`` counts the updates."""

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], Attributes] = {}
        self.writes = 0

    def get(self, keys: Iterable[Attributes]) -> list[Attributes]:
        return [dict(self.items[found]) for key in keys if (found := (key["pk"], key["sk"])) in self.items]

    def get_attribute(self, key: Attributes, name: str) -> object:
        return self.items.get((key["pk"], key["sk"]), {}).get(name)

    def update(
        self,
        key: Attributes,
        changes: Mapping[str, object],
        expected: Mapping[str, object],
        *,
        increment: str | None = None,
    ) -> None:
        item = self.items.get((key["pk"], key["sk"]), dict(key))
        if any(item.get(name) != value for name, value in expected.items()):
            raise ConditionFailedError("the item is not as it was")
        counted = {increment: item.get(increment, 0) + 1} if increment else {}
        changed = item | dict(changes) | counted
        self.items[key["pk"], key["sk"]] = {name: value for name, value in changed.items() if value is not None}
        self.writes += 1

    def acquire_lease(
        self, key: Attributes, name: str, value: str, *, free_outside: tuple[str, str], expires_at: int
    ) -> bool:
        item = self.items.setdefault((key["pk"], key["sk"]), {**key, "expiresAt": expires_at})
        if free_outside[0] <= item.get(name, "") <= free_outside[1]:
            return False
        item[name] = value
        return True

    def increment_counter(self, key: Attributes, most: int, expires_at: int, *, by: int = 1) -> bool:
        item = self.items.setdefault((key["pk"], key["sk"]), {**key, "expiresAt": expires_at, "number": 0})
        if item["number"] + by > most:
            return False
        item["number"] += by
        return True


def fake_table() -> Table:
    """Return an empty table."""
    return cast("Table", FakeTable())
