"""The columns of the sync list, and the user's selection of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from codat_sync.queries.sync_query import Sort


@dataclass(frozen=True, slots=True)
class Column:
    """A column. ``sort`` is the order applied by clicking its heading; numbers are right-aligned."""

    name: str
    title: str
    sort: Sort | None = None
    is_number: bool = False
    is_default: bool = True


COLUMNS = (
    Column("outcome", "Outcome", Sort.OUTCOME),
    Column("time", "Time", Sort.TIME),
    Column("sync", "Sync"),
    Column("company", "Company", Sort.COMPANY),
    Column("code", "Status", Sort.CODE),
    Column("transactions", "Items", Sort.TRANSACTIONS, is_number=True),
    Column("failed", "Failed", Sort.FAILED, is_number=True),
    Column("firstSeen", "First seen", is_default=False),
    Column("checkFailure", "Last check", is_default=False),
)


def chosen_columns(names: Sequence[str] | None) -> list[Column]:
    """Return the named columns, or the defaults if there are none. The sync id is always included."""
    chosen = [column for column in COLUMNS if column.name in set(names or ()) | {"sync"}]
    return chosen if len(chosen) > 1 else [column for column in COLUMNS if column.is_default]
