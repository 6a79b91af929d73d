"""Compare two JSON values. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

# A JSON value: whatever `json.loads` returns.
Json = Any


class DifferenceKind(StrEnum):
    """What differs at a path."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference at a JSONPath (RFC 9535), such as ``$.bankAccount.id`` or ``$['a b'][0]``.

    ``before`` is None if the value was added, ``after`` if it was removed.
    """

    path: str
    kind: DifferenceKind
    before: Json
    after: Json


def compare(before: Json, after: Json) -> list[Difference]:
    """Return what differs, in the order of the fields: objects by field, arrays by index, other values as a whole."""
    return list(_compare(before, after, "$"))


def _compare(before: Json, after: Json, path: str) -> Iterator[Difference]:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in {**before, **after}:
            yield from _compare_member(before, after, name, path + _field(name), is_in=(name in before, name in after))
    elif isinstance(before, list) and isinstance(after, list):
        for index in range(max(len(before), len(after))):
            is_in = (index < len(before), index < len(after))
            yield from _compare_member(before, after, index, f"{path}[{index}]", is_in=is_in)
    elif before != after or isinstance(before, bool) != isinstance(after, bool):  # In Python, True equals 1.
        yield Difference(path, DifferenceKind.CHANGED, before, after)


def _compare_member(
    before: Json, after: Json, key: str | int, path: str, *, is_in: tuple[bool, bool]
) -> Iterator[Difference]:
    match is_in:
        case (True, True):
            yield from _compare(before[key], after[key], path)
        case (True, False):
            yield Difference(path, DifferenceKind.REMOVED, before[key], None)
        case _:
            yield Difference(path, DifferenceKind.ADDED, None, after[key])


def _field(name: str) -> str:
    if name.isidentifier() and name.isascii():
        return f".{name}"
    quoted = name.replace("\\", "\\\\").replace("'", "\\'")
    return f"['{quoted}']"
