"""DynamoDB evaluates the conditions and expressions that the table sends."""

from typing import TYPE_CHECKING

import pytest

from codat_sync.aws.dynamodb import Attributes, Table
from codat_sync.aws.table_schema import Partition, sync_key
from codat_sync.core.errors import ConditionFailedError
from tests.support.aws import Aws
from tests.support.botocore_calls import lose_responses

if TYPE_CHECKING:
    from collections.abc import Callable

KEY, OTHER = map(sync_key, ("1", "2"))
# Reserved words, and the names of placeholders.
STORED: Attributes = {"version": 2, "status": "open", "n0": 1, "u0": 1}
DROPPED = Partition("", "pk", "sk", "DROPPED")


@pytest.fixture
def table(aws: Aws) -> Table:
    """Return a table with one item."""
    made = Table(aws.dynamodb, "syncs")
    made.put(KEY | STORED, {})
    return made


@pytest.mark.parametrize(
    ("expected", "is_written"),
    [
        ({}, True),
        ({"version": 2}, True),
        ({"version": 3}, False),
        ({"version": None}, False),
        ({"size": None}, True),
        ({"size": 1}, False),
        ({"version": 2, "status": "open", "n0": 1, "u0": 1, "size": None}, True),
        (STORED | {"version": 3}, False),
        (STORED | {"status": None}, False),
        (STORED | {"u0": 2}, False),
        (STORED | {"size": 1}, False),
    ],
)
def test_an_item_is_written_only_if_all_expected_attributes_match(
    table: Table, expected: Attributes, *, is_written: bool
) -> None:
    """In every kind of conditional write; a rejected one changes nothing."""
    changes: Attributes = {"n0": 7, "status": None, "size": 8}
    writes: dict[str, Callable[[], None]] = {
        "put": lambda: table.put(KEY | {"size": 8}, expected),
        "update": lambda: table.update(KEY, changes, expected, increment="number"),
        "transact put": lambda: table.transact([(KEY | {"size": 8}, expected)], [(OTHER, changes, {})]),
        "transact update": lambda: table.transact([], [(KEY, changes, expected)]),
        "transact check": lambda: table.transact([], [(OTHER, changes, {})], [(KEY, expected)] if expected else []),
    }
    after = {
        "put": [KEY | {"size": 8}],
        "update": [KEY | {"version": 2, "n0": 7, "u0": 1, "size": 8, "number": 1}],
        "transact update": [KEY | {"version": 2, "n0": 7, "u0": 1, "size": 8}],
        "transact put": [KEY | {"size": 8}, OTHER | {"n0": 7, "size": 8}],
        "transact check": [KEY | STORED, OTHER | {"n0": 7, "size": 8}],
    }
    for name, write in writes.items():
        table.delete_all([OTHER])
        table.put(KEY | STORED, {})
        if is_written:
            write()
        else:
            with pytest.raises(ConditionFailedError):
                write()
        found = sorted(table.get([KEY, OTHER]), key=lambda item: item["pk"])
        assert found == (after[name] if is_written else [KEY | STORED]), name


def test_a_lease_is_taken_only_while_free(table: Table) -> None:
    """Absent, over (the time at which it ends is still part of it), or longer than any lease."""
    assert table.acquire_lease(OTHER, "slot0", "10:00", free_outside=("09:00", "12:00"), expires_at=1)
    assert not table.acquire_lease(OTHER, "slot0", "10:30", free_outside=("10:00", "12:00"), expires_at=2)
    assert table.get([OTHER]) == [OTHER | {"slot0": "10:00", "expiresAt": 1}]
    assert table.acquire_lease(OTHER, "slot0", "11:00", free_outside=("10:01", "12:00"), expires_at=3)
    assert table.get([OTHER]) == [OTHER | {"slot0": "11:00", "expiresAt": 3}]
    assert table.acquire_lease(OTHER, "slot0", "10:30", free_outside=("10:00", "10:59"), expires_at=4)


def test_a_counter_never_exceeds_its_maximum(table: Table) -> None:
    """A rejected increment leaves the expiry time as it was, too."""
    added = [table.increment_counter(OTHER, 5, expires_at, by=by) for expires_at, by in enumerate((3, 3, 2, 1))]
    assert added == [True, False, True, False]
    assert table.get([OTHER]) == [OTHER | {"number": 5, "expiresAt": 2}]


def test_a_page_begins_after_its_cursor(table: Table) -> None:
    """In either direction, exclusively, and in its partition only."""
    table.put_all([{"pk": "DROPPED", "sk": each, "status": "x", "size": 1} for each in "abc"])

    def page(after: str | None, limit: int | None, *, newest_first: bool) -> tuple[str, bool]:
        items, has_more = table.query_page(DROPPED, after, limit, newest_first=newest_first)
        return "".join(item["sk"] for item in items), has_more

    assert page(None, None, newest_first=False) == ("abc", False)
    assert page("a", 1, newest_first=False) == ("b", True)
    assert page("c", None, newest_first=True) == ("ba", False)
    assert table.query_partition("DROPPED", ["sk", "status"])[0] == {"sk": "a", "status": "x"}
    assert [item["sk"] for item in table.query("DROPPED", "b")] == ["b"]


def test_an_index_is_read_up_to_and_including_the_end(table: Table) -> None:
    """Items that are due now are due."""
    table.put_all([sync_key(each) | {"duePk": "DUE", "dueAt": each} for each in "345"])
    found = table.query_until(Partition("byDue", "duePk", "dueAt", "DUE"), "4")
    assert [item["dueAt"] for item in found] == ["3", "4"]


@pytest.mark.parametrize(
    ("operation", "write", "after"),
    [
        ("PutItem", lambda table: table.put(KEY | {"version": 3}, {"version": 2}), KEY | {"version": 3}),
        ("UpdateItem", lambda table: table.update(KEY, {"version": 3}, {"version": 2}), KEY | STORED | {"version": 3}),
        (
            "UpdateItem",
            lambda table: table.update(KEY, {}, {"status": "open"}, increment="version"),
            KEY | STORED | {"version": 3},
        ),
        ("UpdateItem", lambda table: table.update(KEY, {}, {}, increment="u0"), KEY | STORED | {"u0": 2}),
        (
            "UpdateItem",
            lambda table: table.acquire_lease(KEY, "slot", "10:00", free_outside=("09:00", "12:00"), expires_at=1),
            KEY | STORED | {"slot": "10:00", "expiresAt": 1},
        ),
        (
            "UpdateItem",
            lambda table: table.increment_counter(KEY, 1, 1),
            KEY | STORED | {"number": 1, "expiresAt": 1},
        ),
        (
            "TransactWriteItems",
            lambda table: table.transact(
                [(KEY | {"version": 3}, {"version": 2})], [(sync_key("3"), {"n0": 1}, {})], [(OTHER, {"version": None})]
            ),
            KEY | {"version": 3},
        ),
    ],
)
@pytest.mark.parametrize("losses", [1, 2])
def test_a_conditional_write_recognizes_itself(
    table: Table, operation: str, write: "Callable[[Table], object]", after: Attributes, losses: int
) -> None:
    """Its response is lost, and botocore repeats it: it has succeeded, and took effect once."""
    with lose_responses(lambda name, number: name == operation and number < losses) as requests:
        assert write(table) is not False
    assert requests[operation] == losses + 1
    assert table.get([KEY]) == [after]


@pytest.mark.parametrize("operation", ["PutItem", "UpdateItem", "TransactWriteItems"])
def test_a_conditional_write_does_not_take_anothers_for_its_own(table: Table, operation: str) -> None:
    """Not even one that wrote the same."""
    writes: dict[str, Callable[[], None]] = {
        "PutItem": lambda: table.put(KEY | {"version": 3}, {"version": 2}),
        "UpdateItem": lambda: table.update(KEY, {"version": 3}, {"version": 2}),
        "TransactWriteItems": lambda: table.transact([(KEY | {"version": 3}, {"version": 2})]),
    }
    writes[operation]()
    with pytest.raises(ConditionFailedError):
        writes[operation]()
