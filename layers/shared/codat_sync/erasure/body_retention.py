"""The bodies of SyncTable that are older than they are to be kept: found, and emptied.

A body is only ever needed to create a transaction again. Without it that is planned as one whose body nobody has: so
to empty one writes nothing twice, whenever it is done. The item itself stays, as it leads to its submission, which says
what was sent; claims and submissions are not touched.
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
    """The bodies of SyncTable."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="body")

    def count(self, before: datetime) -> Iterator[int]:
        """Yield how many there are that were recorded before then, in a part of the table after the other."""
        return map(len, self._find(before))

    def purge(self, before: datetime, now: datetime) -> Iterator[int]:
        """Empty them; yields as ``count`` does. Wherever it ends, another one finds what is left."""
        for items in self._find(before):
            yield sum(self._pool.map(partial(self._purge, now), items))

    def _find(self, before: datetime) -> Iterator[list[Attributes]]:
        until = format_timestamp(before)
        for page in self._table.scan(_NAMES):
            yield [item for item in page if is_body(item) and "purgedAt" not in item and item["recordedAt"] < until]

    def _purge(self, now: datetime, item: Attributes) -> bool:
        """Empty one, if it is still there; returns whether it was."""
        changes = {"body": None, "purgedAt": format_timestamp(now)}
        try:
            self._table.update({name: item[name] for name in ("pk", "sk")}, changes, {"recordedAt": item["recordedAt"]})
        except ConditionFailedError:
            return False
        return True
