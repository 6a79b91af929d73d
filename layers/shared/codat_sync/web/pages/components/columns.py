"""The columns of the history: which there are, and which are chosen."""

from collections.abc import Sequence
from dataclasses import dataclass

from codat_sync.queries.sync_query import Sort


@dataclass(frozen=True, slots=True)
class Column:
    """A column. ``sort`` is what a click on its head sorts by; one that is a number stands to the right."""

    name: str
    title: str
    sort: Sort | None = None
    is_number: bool = False
    is_usual: bool = True


COLUMNS = (
    Column("outcome", "Outcome", Sort.OUTCOME),
    Column("time", "Time (UTC)", Sort.TIME),
    Column("sync", "Sync"),
    Column("company", "Company", Sort.COMPANY),
    Column("code", "Status", Sort.CODE),
    Column("transactions", "Items", Sort.TRANSACTIONS, is_number=True),
    Column("failed", "Failed", Sort.FAILED, is_number=True),
    Column("heard", "First heard of", is_usual=False),
    Column("checkFailure", "Last check", is_usual=False),
)


def chosen_columns(names: Sequence[str] | None) -> list[Column]:
    """Return the columns of these names, the usual ones if there is none. A sync is always among them."""
    chosen = [column for column in COLUMNS if column.name in set(names or ()) | {"sync"}]
    return chosen if len(chosen) > 1 else [column for column in COLUMNS if column.is_usual]
