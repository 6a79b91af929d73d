"""The transactions of a sync, as Codat lists them and as they are kept: one item for each id and integration type."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from typing_extensions import TypedDict  # pydantic takes typing's own only from Python 3.12 on

from codat_sync.core.identifiers import canonicalize, is_identifier

# Codat's API has Completed, PushError and ValidationError; its webhooks have Failed.
COMPLETED = "Completed"
PENDING = "Pending"
FAILED_STATUSES = frozenset({"PushError", "ValidationError", "Failed"})
# How many characters of a message are kept: Codat's are a few hundred, and an item of the table has to hold them.
MAX_MESSAGE_LENGTH = 16_384
# Names are much shorter: a longer one is shortened, and a longer id is none.
MAX_NAME_LENGTH = 256


class TransactionRow(TypedDict, total=False):
    """A row of Codat's list of a sync's transactions. Any field may be null or missing."""

    transactionId: str | None
    integrationType: str | None
    status: str | None
    message: str | None


@dataclass(frozen=True, slots=True)
class Item:
    """A transaction within a sync: what Codat's rows with the same id and integration type say together.

    ``rows`` is how many they are. A row without an id is an item of its own, told apart by its ``ordinal`` in Codat's
    list (from 0), and cannot be retried.
    """

    transaction_id: str | None
    integration_type: str | None
    status: str | None
    message: str | None
    rows: int = 1
    ordinal: int | None = None

    @property
    def has_failed(self) -> bool:
        """Whether the transaction did not reach the books in this sync."""
        return self.status in FAILED_STATUSES


def truncate_message(row: TransactionRow) -> None:
    """Cut what is longer in ``row`` than is kept of it."""
    message = row.get("message")
    if message and len(message) > MAX_MESSAGE_LENGTH:
        row["message"] = message[:MAX_MESSAGE_LENGTH]


def fold(rows: Iterable[TransactionRow]) -> tuple[Item, ...]:
    """Return the items that ``rows`` stand for, in the order of each one's first row.

    Of rows that contradict each other, a Completed one counts, as what is in the books stays there; else the last.
    """
    items: dict[tuple[str | None, str | None, int | None], Item] = {}
    for ordinal, row in enumerate(rows):
        item = _item(row, ordinal)
        key = (item.transaction_id, item.integration_type, item.ordinal)
        known = items.get(key)
        items[key] = _together(known, item) if known else item
    return tuple(items.values())


def count_statuses(items: Sequence[Item]) -> dict[str, int]:
    """Return how many items have each status. A status that Codat left out counts as its ``Unknown``."""
    return dict(Counter(item.status or "Unknown" for item in items))


def select_valid_ids(items: Iterable[Item]) -> set[str]:
    """Return the transaction ids that can be part of a key: all but the missing and the malformed."""
    return {item.transaction_id for item in items if is_identifier(item.transaction_id)}


def _item(row: TransactionRow, ordinal: int) -> Item:
    transaction_id, status, message = row.get("transactionId"), row.get("status"), row.get("message")
    if not transaction_id or len(transaction_id) > MAX_NAME_LENGTH:
        transaction_id = None
    return Item(
        transaction_id=transaction_id and canonicalize(transaction_id),
        integration_type=_integration_type(row.get("integrationType")),
        status=status and status[:MAX_NAME_LENGTH],
        message=message and message[:MAX_MESSAGE_LENGTH],
        ordinal=ordinal if transaction_id is None else None,
    )


def _integration_type(name: str | None) -> str | None:
    # Codat's description says `expenses`, its examples `expense`: one type.
    return "expense" if name and name.lower() in {"expense", "expenses"} else name and name[:MAX_NAME_LENGTH]


def _together(known: Item, item: Item) -> Item:
    told = known if known.status == COMPLETED and item.status != COMPLETED else item
    return replace(told, rows=known.rows + 1)
