"""A table in memory for unit tests that need only single items."""

from collections.abc import Iterable, Mapping
from typing import cast

from codat_sync.aws.dynamodb import Table, Values
from codat_sync.core.errors import ConditionFailedError


class FakeTable:
    """Items by key. ``writes`` counts the updates."""

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], Values] = {}
        self.writes = 0

    def get(self, keys: Iterable[Values]) -> list[Values]:
        return [dict(self.items[found]) for key in keys if (found := (key["pk"], key["sk"])) in self.items]

    def get_attribute(self, key: Values, name: str) -> object:
        return self.items.get((key["pk"], key["sk"]), {}).get(name)

    def update(
        self, key: Values, changes: Mapping[str, object], when: Mapping[str, object], *, counting: str | None = None
    ) -> None:
        item = self.items.get((key["pk"], key["sk"]), dict(key))
        if any(item.get(name) != value for name, value in when.items()):
            raise ConditionFailedError("the item is not as it was")
        counted = {counting: item.get(counting, 0) + 1} if counting else {}
        changed = item | dict(changes) | counted
        self.items[key["pk"], key["sk"]] = {name: value for name, value in changed.items() if value is not None}
        self.writes += 1

    def take(self, key: Values, name: str, value: str, *, free_before: str, expires_at: int) -> bool:
        item = self.items.setdefault((key["pk"], key["sk"]), {**key, "expiresAt": expires_at})
        if item.get(name, "") >= free_before:
            return False
        item[name] = value
        return True

    def count_up(self, key: Values, most: int, expires_at: int, *, by: int = 1) -> bool:
        item = self.items.setdefault((key["pk"], key["sk"]), {**key, "expiresAt": expires_at, "number": 0})
        if item["number"] + by > most:
            return False
        item["number"] += by
        return True


def fake_table() -> Table:
    """Return an empty table."""
    return cast("Table", FakeTable())
