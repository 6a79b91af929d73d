"""Define comparable records: the contents of Codat and of SyncTable in one format, in the smallest units.

Nothing here uses the code under demonstration: its defects would affect both sides and stay undetected.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """The subject of a record."""

    SYNC = "sync"
    TRANSACTION = "transaction"  # one row of Codat's list, which has a row per transaction and type
    INDEX_ENTRY = "index entry of transaction"
    LIST_ENTRY = "list entry under company"
    EVENT = "processed event"
    WEBHOOK = "response to webhook"
    UNEXPECTED_ITEM = "item of the table"  # one that should not exist


class Key(NamedTuple):
    """Identifies a record. ``sync_id`` is None if it belongs to no sync."""

    sync_id: str | None
    kind: Kind
    name: str = ""


Record = Mapping[str, object]
Records = dict[Key, Record]


class RowNames:
    """Names the rows of a sync's list of transactions, numbering identical ones."""

    def __init__(self) -> None:
        self._met: Counter[str] = Counter()

    def name(self, transaction_id: str | None, integration_type: str | None, ordinal: int | None) -> str:
        """Name a row. ``ordinal`` is its position in Codat's list, used if it has no id."""
        # Codat uses `expense` and `expenses` interchangeably; the table has the first.
        booked_as = "expense" if integration_type == "expenses" else integration_type
        name = f"{transaction_id or f'at position {ordinal}'} ({booked_as or 'no type'})"
        self._met[name] += 1
        return f"{name} #{self._met[name]}"


def utc_millis(at: datetime | None) -> str | None:
    """Format a time in UTC with the table's precision; a time without an offset is UTC."""
    if at is None:
        return None
    aware = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return aware.isoformat(timespec="milliseconds")


def codes(records: Records) -> dict[str | None, object]:
    """Return the status code of each sync."""
    return {key.sync_id: record["code"] for key, record in records.items() if key.kind is Kind.SYNC}
