"""Purge the bodies in SyncTable that are older than their retention.

A body is only needed to resubmit a transaction. Without it, the transaction is planned as one without a recorded body:
so purging never causes a second write, whenever it happens. The item itself stays, as it leads to its submission, which
records what was sent. Claims and submissions are not changed.

What is searched for in a body is purged with it, whether or not the function that indexes bodies runs: the entries have
the body's time.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial

from codat_sync.aws.dynamodb import Attributes, Table
from codat_sync.aws.table_schema import is_body, parse_find_key
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
        return (len(bodies) for bodies, _ in self._find(before))

    def purge(self, before: datetime, now: datetime) -> Iterator[int]:
        """Purge them and delete their search entries; yield as ``count`` does.

        After an interruption, another run finds the rest. Raises UnprocessedItemsError.
        """
        for bodies, entries in self._find(before):
            self._table.delete_all({name: entry[name] for name in ("pk", "sk")} for entry in entries)
            yield sum(self._pool.map(partial(self._purge, now), bodies))

    def _find(self, before: datetime) -> Iterator[tuple[list[Attributes], list[Attributes]]]:
        """Yield the bodies and the search entries of bodies, per page of the table."""
        until = format_timestamp(before)
        for page in self._table.scan(_NAMES):
            old = [item for item in page if item.get("recordedAt", until) < until]
            bodies = [item for item in old if is_body(item) and "purgedAt" not in item]
            yield bodies, [item for item in old if parse_find_key(item)]

    def _purge(self, now: datetime, item: Attributes) -> bool:
        """Purge one body if its item still exists; return whether it did."""
        changes = {"body": None, "purgedAt": format_timestamp(now)}
        try:
            self._table.update({name: item[name] for name in ("pk", "sk")}, changes, {"recordedAt": item["recordedAt"]})
        except ConditionFailedError:
            return False
        return True
