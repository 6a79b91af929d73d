"""Merge Codat's rows of a sync's transactions into items: one per transaction id and integration type."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from typing_extensions import TypedDict  # pydantic requires it before Python 3.12

from codat_sync.core.identifiers import canonicalize, is_identifier

# Codat's API has Completed, PushError and ValidationError; its webhooks have Failed.
COMPLETED = "Completed"
PENDING = "Pending"
FAILED_STATUSES = frozenset({"PushError", "ValidationError", "Failed"})
# In characters. Codat's messages have a few hundred, and an item of the table has to hold them.
MAX_MESSAGE_LENGTH = 16_384
# Names are much shorter: longer ones are truncated, and longer ids are invalid.
MAX_NAME_LENGTH = 256


class TransactionRow(TypedDict, total=False):
    """A row of Codat's list of a sync's transactions. Any field may be null or missing."""

    transactionId: str | None
    integrationType: str | None
    status: str | None
    message: str | None


@dataclass(frozen=True, slots=True)
class Item:
    """A transaction within a sync, merged from Codat's rows with the same id and integration type.

    ``rows`` is their number. A row without an id is an item of its own, identified by its ``ordinal`` in Codat's list
    (from 0), and can't be retried.
    """

    transaction_id: str | None
    integration_type: str | None
    status: str | None
    message: str | None
    rows: int = 1
    ordinal: int | None = None

    @property
    def has_failed(self) -> bool:
        """Return whether the transaction was not written to the books in this sync."""
        return self.status in FAILED_STATUSES

    @property
    def is_unclear(self) -> bool:
        """Return whether Codat says neither that it is pending nor what became of it: ``Unknown``, null, a new word."""
        return self.status not in FAILED_STATUSES | {COMPLETED, PENDING}


def truncate_message(text: str | None) -> str | None:
    """Return a message of Codat's within the maximum length."""
    return text and text[:MAX_MESSAGE_LENGTH]


def truncate_name(text: str | None) -> str | None:
    """Return a name, a status or a type of Codat's within the maximum length."""
    return text and text[:MAX_NAME_LENGTH]


def fold(rows: Iterable[TransactionRow]) -> tuple[Item, ...]:
    """Merge ``rows`` into items, in the order of each one's first row.

    Of contradicting rows, a Completed one wins, as Codat does not undo a write; otherwise the last one wins.
    """
    items: dict[tuple[str | None, str | None, int | None], Item] = {}
    for ordinal, row in enumerate(rows):
        item = _item(row, ordinal)
        key = (item.transaction_id, item.integration_type, item.ordinal)
        existing = items.get(key)
        items[key] = _merge(existing, item) if existing else item
    return tuple(items.values())


def fold_integration_type(name: str | None) -> str | None:
    """Return the one name of an integration type: Codat's description has `expenses`, its examples `expense`."""
    return "expense" if name and name.lower() in {"expense", "expenses"} else truncate_name(name)


def count_statuses(items: Sequence[Item]) -> dict[str, int]:
    """Count the items by status. A missing status counts as Codat's ``Unknown``."""
    return dict(Counter(item.status or "Unknown" for item in items))


def select_valid_ids(items: Iterable[Item]) -> set[str]:
    """Return the transaction ids that are valid in a key, without missing and malformed ones."""
    return {item.transaction_id for item in items if is_identifier(item.transaction_id)}


def _item(row: TransactionRow, ordinal: int) -> Item:
    transaction_id, status, message = row.get("transactionId"), row.get("status"), row.get("message")
    if not transaction_id or len(transaction_id) > MAX_NAME_LENGTH:
        transaction_id = None
    return Item(
        transaction_id=transaction_id and canonicalize(transaction_id),
        integration_type=fold_integration_type(row.get("integrationType")),
        status=truncate_name(status),
        message=truncate_message(message),
        ordinal=ordinal if transaction_id is None else None,
    )


def _merge(existing: Item, item: Item) -> Item:
    winner = existing if existing.status == COMPLETED and item.status != COMPLETED else item
    return replace(winner, rows=existing.rows + 1)
