"""Facts: what Codat holds and what SyncTable holds, in the same words and in the smallest pieces.

Whoever compares the two need not know more than this. Nothing here uses the rules of the code that is being shown: what
these got wrong would be wrong on both sides, and not be seen.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What a fact is about."""

    SYNC = "sync"
    TRANSACTION = "transaction"  # one row of Codat's list; it has a transaction once per place that it is booked in
    INDEX_ENTRY = "pointer from transaction"
    LIST_ENTRY = "listing under company"
    EVENT = "event marked as seen"
    WEBHOOK = "answer to webhook"
    UNEXPECTED_ITEM = "item of the table"  # one that has no business there


class Key(NamedTuple):
    """Which fact it is. ``sync_id`` is None if it belongs to no sync."""

    sync_id: str | None
    kind: Kind
    name: str = ""


Record = Mapping[str, object]
Records = dict[Key, Record]


class RowNames:
    """Names the rows of one sync's list of transactions, those that are alike by counting them."""

    def __init__(self) -> None:
        self._met: Counter[str] = Counter()

    def name(self, transaction_id: str | None, integration_type: str | None, ordinal: int | None) -> str:
        """Name a row. ``ordinal`` is its place in Codat's list, which has to do where it has no id."""
        # Codat says `expense` here and `expenses` there, and means the same.
        booked_as = "expense" if integration_type == "expenses" else integration_type
        name = f"{transaction_id or f'in place {ordinal}'} ({booked_as or 'of no type'})"
        self._met[name] += 1
        return f"{name} #{self._met[name]}"


def utc_millis(at: datetime | None) -> str | None:
    """Write a time as precisely as the table keeps it; one without an offset is UTC."""
    if at is None:
        return None
    aware = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return aware.isoformat(timespec="milliseconds")


def codes(records: Records) -> dict[str | None, object]:
    """Return the status code of each sync."""
    return {key.sync_id: record["code"] for key, record in records.items() if key.kind is Kind.SYNC}
