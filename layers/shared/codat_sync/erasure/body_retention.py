"""Purge the bodies in SyncTable that are older than their retention.

A body is only needed to resubmit a transaction. Without it, the transaction is planned as one without a recorded body:
so purging never causes a second write, whenever it happens. The item itself stays, as it leads to its submission, which
records what was sent. Claims and submissions are not changed.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial

from codat_sync.aws.dynamodb import Attributes, Table
from codat_sync.aws.table_schema import is_body
from codat_sync.core.errors import ConditionFailedError
from codat_sync.core.timestamps import format_timestamp

_NAMES = ("pk", "sk", "recordedAt", "purgedAt")
_WORKERS = 8


class BodyPurger:
    """Find and purge bodies in SyncTable."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="body")

    def count(self, before: datetime) -> Iterator[int]:
        """Yield the number of bodies recorded before ``before``, per page of the table."""
        return map(len, self._find(before))

    def purge(self, before: datetime, now: datetime) -> Iterator[int]:
        """Purge them; yield as ``count`` does. After an interruption, another run finds the rest."""
        for items in self._find(before):
            yield sum(self._pool.map(partial(self._purge, now), items))

    def _find(self, before: datetime) -> Iterator[list[Attributes]]:
        until = format_timestamp(before)
        for page in self._table.scan(_NAMES):
            yield [item for item in page if is_body(item) and "purgedAt" not in item and item["recordedAt"] < until]

    def _purge(self, now: datetime, item: Attributes) -> bool:
        """Purge one body if its item still exists; return whether it did."""
        changes = {"body": None, "purgedAt": format_timestamp(now)}
        try:
            self._table.update({name: item[name] for name in ("pk", "sk")}, changes, {"recordedAt": item["recordedAt"]})
        except ConditionFailedError:
            return False
        return True
