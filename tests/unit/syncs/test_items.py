"""Folding Codat's rows."""

from codat_sync.syncs.items import (
    MAX_MESSAGE_LENGTH,
    MAX_NAME_LENGTH,
    Item,
    TransactionRow,
    count_statuses,
    fold,
    select_valid_ids,
)


def _row(
    transaction_id: str | None, status: str | None, integration_type: str | None = "expense", message: str | None = None
) -> TransactionRow:
    return {
        "transactionId": transaction_id,
        "status": status,
        "integrationType": integration_type,
        "message": message,
    }


def test_rows_with_the_same_id_and_type_are_one_item_with_a_count() -> None:
    """`expense` and `expenses` are one type; another type is another item."""
    rows = [
        _row("t1", "PushError", "expense", "no such account"),
        _row("t1", "PushError", "expenses", "no such account"),
        _row("t1", "PushError", "Expenses", "no such account"),
        _row("t1", "Completed", "bankfeeds"),
    ]
    assert fold(rows) == (
        Item("t1", "expense", "PushError", "no such account", rows=3),
        Item("t1", "bankfeeds", "Completed", None),
    )


def test_of_rows_that_contradict_each_other_what_is_in_the_books_counts() -> None:
    """Completed wins, wherever it is; otherwise the last row counts."""
    assert [item.status for item in fold([_row("t", "Completed"), _row("t", "PushError")])] == ["Completed"]
    assert [item.status for item in fold([_row("t", "PushError"), _row("t", "Completed")])] == ["Completed"]
    assert [item.status for item in fold([_row("t", "Pending"), _row("t", "PushError")])] == ["PushError"]


def test_rows_without_an_id_are_each_kept() -> None:
    """Nothing shows that they are the same transaction."""
    assert fold([_row("t", "Completed"), _row(None, "PushError"), _row("", "PushError"), {}]) == (
        Item("t", "expense", "Completed", None),
        Item(None, "expense", "PushError", None, ordinal=1),
        Item(None, "expense", "PushError", None, ordinal=2),
        Item(None, None, None, None, ordinal=3),
    )


def test_statuses_are_counted_with_the_missing_as_unknown() -> None:
    """Not dropped."""
    items = fold([_row("a", "Completed"), _row("b", "Completed"), _row("c", None), _row("d", "Unknown")])
    assert count_statuses(items) == {"Completed": 2, "Unknown": 2}


def test_only_ids_that_are_ids_are_addressable() -> None:
    """The others are kept, but no key is made of them."""
    assert select_valid_ids(fold([_row("t", None), _row(None, None), _row("a#b", None), _row("../up", None)])) == {"t"}


def test_a_message_of_any_length_is_kept_in_part() -> None:
    """It has to fit into the table with the others."""
    (item,) = fold([_row("t", "PushError", message="x" * 100_000)])
    assert item.message == "x" * MAX_MESSAGE_LENGTH


def test_names_of_any_length_are_kept_in_part() -> None:
    """And an id that is too long to be one is none."""
    (item,) = fold([_row("t" * 300, "s" * 300, "i" * 300)])
    assert (item.transaction_id, item.ordinal) == (None, 0)
    assert (item.status, item.integration_type) == ("s" * MAX_NAME_LENGTH, "i" * MAX_NAME_LENGTH)
