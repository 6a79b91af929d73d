"""Generate rows with the irregularities of real ones, and expenses to submit."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count, islice
from uuid import uuid4

from dev.codat_simulator.books.models import SUCCESS, Item
from dev.codat_simulator.wire import JsonObject

REJECTION_MESSAGE = "Feed Connection failed(409): the account is already connected to another bank account."


def generate_items(number: int, *, code: int = 2000, edge_cases: bool = True) -> tuple[Item, ...]:
    """Generate exactly `number` rows as in a sync with this code.

    With traps, and rows enough for them, the last four are: the first one again word for word, and one each
    without an id, a type and, unless the sync succeeded, a status.
    """
    rows = list(islice(_generate_rows(code), number))
    if edge_cases and number > 4:
        *_, without_id, without_type, pending = rows
        rows[-4:] = [
            rows[0],
            replace(without_id, transaction_id=None),
            replace(without_type, integration_type=None),
            pending if code in SUCCESS else replace(pending, status=None, message=None),
        ]
    return tuple(rows)


def generate_expense(transaction_id: str, **fields: object) -> JsonObject:
    """Generate a valid expense with these fields overridden."""
    line = {"netAmount": 100.0, "taxAmount": 20, "accountRef": {"id": "6100"}, "trackingRefs": [{"id": "c-1"}]}
    return {
        "id": transaction_id,
        "type": "Payment",
        "issueDate": "2022-08-03T01:30:09.0797213Z",
        "currency": "GBP",
        "merchantName": None,
        "lines": [line],
        **fields,
    }


def _generate_rows(code: int) -> Iterator[Item]:
    """Book every third transaction as an expense and as a bank feed line, the others only as an expense."""
    for ordinal in count():
        transaction_id = str(uuid4())
        status = _status(code, ordinal)
        message = REJECTION_MESSAGE if status in ("PushError", "ValidationError") else None
        yield Item(transaction_id, status, message=message)
        if ordinal % 3 == 0:
            yield Item(transaction_id, status, "bankfeeds", message)


def _status(code: int, ordinal: int) -> str:
    if code in (1000, 1010):
        return "Pending"
    if code in SUCCESS:
        return "Completed"
    return ("PushError", "Completed", "Completed", "ValidationError")[ordinal % 4]
