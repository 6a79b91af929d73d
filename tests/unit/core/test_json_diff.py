"""What differs between two JSON values, and where."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codat_sync.core.json_diff import DifferenceKind, compare

_ADDED, _REMOVED, _CHANGED = DifferenceKind.ADDED, DifferenceKind.REMOVED, DifferenceKind.CHANGED
_SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("before", "after", "differences"),
    [
        ({"a": {"id": "1"}}, {"a": {"id": "2"}}, [("$.a.id", _CHANGED, "1", "2")]),
        ({"a": 1}, {}, [("$.a", _REMOVED, 1, None)]),
        ({}, {"a": None}, [("$.a", _ADDED, None, None)]),
        ([1, 2], [1, 3, 4], [("$[1]", _CHANGED, 2, 3), ("$[2]", _ADDED, None, 4)]),
        ({"a": [{"b": 1}]}, {"a": [{"b": 2}]}, [("$.a[0].b", _CHANGED, 1, 2)]),
        ({"a": {}}, {"a": []}, [("$.a", _CHANGED, {}, [])]),
        (True, 1, [("$", _CHANGED, True, 1)]),
        ({"a b": 1, "it's": 1, "ü": 1}, {}, [
            ("$['a b']", _REMOVED, 1, None), ("$['it\\'s']", _REMOVED, 1, None), ("$['ü']", _REMOVED, 1, None),
        ]),
    ],
)  # fmt: skip
def test_differences_are_named_by_their_path(before: Any, after: Any, differences: list[tuple[Any, ...]]) -> None:  # noqa: ANN401 - JSON
    """As a JSONPath that leads to the value in either document."""
    found = [(each.path, each.kind, each.before, each.after) for each in compare(before, after)]
    assert found == differences


@given(_VALUES, _VALUES)
def test_only_equal_values_have_no_differences(before: Any, after: Any) -> None:  # noqa: ANN401 - JSON
    """And what was added one way was removed the other way."""
    assert compare(before, before) == []
    opposite = {_ADDED: _REMOVED, _REMOVED: _ADDED, _CHANGED: _CHANGED}
    forth, back = compare(before, after), compare(after, before)
    assert sorted((each.path, opposite[each.kind]) for each in forth) == sorted((each.path, each.kind) for each in back)
    assert bool(forth) == (repr(before) != repr(after) and not (before == after and _has_same_types(before, after)))


def _has_same_types(one: Any, other: Any) -> bool:  # noqa: ANN401 - JSON
    """Return whether equal values have booleans in the same places."""
    if isinstance(one, dict):
        return all(_has_same_types(one[name], other[name]) for name in one)
    if isinstance(one, list):
        return all(map(_has_same_types, one, other))
    return isinstance(one, bool) == isinstance(other, bool)
