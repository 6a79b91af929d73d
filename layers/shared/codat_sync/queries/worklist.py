"""List the failed syncs by who has to act, from the table's index of retries by category."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codat_sync.aws.dynamodb import Attributes, Table
from codat_sync.aws.table_schema import parse_subject_id, retry_key, work_partition
from codat_sync.core.enums import parse_enum
from codat_sync.core.errors import InvalidQueryError
from codat_sync.queries.listing import Listing
from codat_sync.queries.sync_index import parse_listed_sync
from codat_sync.queries.sync_query import ListedSync, read_position
from codat_sync.queries.sync_walk import Budget
from codat_sync.syncs.retry_record import Retry
from codat_sync.syncs.retry_repository import read_retry
from codat_sync.syncs.work_category import OPEN_CATEGORIES, WorkCategory

if TYPE_CHECKING:
    from collections.abc import Collection

# Maximum number of index rows read for a page, including those of other companies; and its time.
_EXAMINED = 20_000
_PAGE_SECONDS = 8
# An export continues to the end, as far as the time allows: API Gateway ends a request after 30 s.
_WHOLE_SECONDS = 18
_AT_ONCE = 200
# Maximum number counted in each category, at about 0.3 KB each: one request.
MAX_COUNTED = 1000


@dataclass(frozen=True, slots=True)
class WorkQuery:
    """A query for failed syncs by category, in the order of ``WorkCategory``, and optionally by company."""

    categories: tuple[WorkCategory, ...] = OPEN_CATEGORIES
    company_id: str | None = None
    newest_first: bool = True
    limit: int = 25


@dataclass(frozen=True, slots=True)
class WorkItem:
    """A failed sync with the retry of its failed transactions."""

    listed: ListedSync
    retry: Retry

    @property
    def open_transactions(self) -> int:
        """The number of its failed transactions that are not written yet; all, if they are not planned yet."""
        return self.retry.open_transactions if self.retry.steps else self.listed.failed


@dataclass(frozen=True, slots=True)
class WorkPage:
    """A page of the worklist. ``is_truncated`` means that reading stopped before the page was full."""

    items: Sequence[WorkItem]
    next_cursor: str | None
    is_truncated: bool


@dataclass(frozen=True, slots=True)
class WorkCount:
    """The number of failed syncs in a category; ``has_more`` means that there are more than were counted."""

    number: int
    has_more: bool


class WorkWalk(Listing[WorkItem]):
    """Iterate over the work items that match a query, one category after the other."""

    def __init__(self, table: Table, query: WorkQuery, cursor: str | None, budget: Budget) -> None:
        self._table = table
        self._query = query
        self._budget = budget
        self._examined = 0
        self._left = list(query.categories)
        self._position: str | None = None
        if cursor is not None:
            category, self._position = _read_cursor(cursor, query.categories)
            self._left = self._left[self._left.index(category) :]

    @property
    def cursor(self) -> str | None:
        """The position after everything read so far; None once all items have been read."""
        return f"{self._left[0]}@{self._position or ''}" if self._left else None

    def rows(self) -> Iterator[WorkItem]:
        """Yield the matching items. It ends early, with a cursor, if there are more than the budget allows."""
        while self._left:
            found, has_more = self._table.query_page(
                work_partition(self._left[0]), self._position, self._size, newest_first=self._query.newest_first
            )
            items = self._load(found)
            for row in found:
                self._examined += 1
                self._position = row["companySk"]
                if item := items.get(row["pk"]):
                    yield item
            if not has_more:
                self._left, self._position = self._left[1:], None
            if self._examined >= self._budget.rows or self._budget.is_over:
                return

    @property
    def _size(self) -> int:
        return _AT_ONCE if self._query.company_id else min(_AT_ONCE, self._query.limit + 1)

    def _load(self, rows: Sequence[Attributes]) -> Mapping[str, WorkItem]:
        """Load the retries of index entries, by partition key, without those that have since left the category."""
        wanted = [row for row in rows if self._query.company_id in {None, row.get("summary", {}).get("companyId")}]
        keys = [retry_key(parse_subject_id(row["pk"])) for row in wanted]
        category = self._left[0]
        return {
            values["pk"]: WorkItem(parse_listed_sync(values["sync"], values["companySk"]), read_retry(values))
            for values in self._table.get(keys)
            if values.get("companyPk") == work_partition(category).value
        }


class Worklist:
    """The worklist of SyncTable. Safe to share between threads."""

    def __init__(self, table: Table, clock: Callable[[], float] = time.monotonic) -> None:
        self._table = table
        self._clock = clock

    def load_page(self, query: WorkQuery, cursor: str | None) -> WorkPage:
        """Return a page, with two requests for each category on it. Raises InvalidQueryError.

        With a company, it may have fewer items than ``query.limit``, or none, and still a cursor.
        """
        walk = WorkWalk(self._table, query, cursor, self._budget(_EXAMINED, _PAGE_SECONDS))
        items: list[WorkItem] = []
        end: str | None = None
        for item in walk.rows():
            if len(items) == query.limit:
                return WorkPage(items, end, is_truncated=False)
            items.append(item)
            end = walk.cursor
        return WorkPage(items, walk.cursor, is_truncated=walk.cursor is not None)

    def walk(self, query: WorkQuery, cursor: str | None) -> WorkWalk:
        """Return a walk to the end, or as far as the time allows. Raises InvalidQueryError."""
        return WorkWalk(self._table, query, cursor, self._budget(sys.maxsize, _WHOLE_SECONDS))

    def load(self, sync_id: str) -> WorkItem | None:
        """Load one work item; None if the sync has not failed. Takes one request."""
        found = self._table.get([retry_key(sync_id)])
        if not found or "companyPk" not in found[0]:
            return None
        return WorkItem(parse_listed_sync(found[0]["sync"], found[0]["companySk"]), read_retry(found[0]))

    def count(self, categories: "Collection[WorkCategory]" = tuple(WorkCategory)) -> dict[WorkCategory, WorkCount]:
        """Count the items of each category, up to a thousand: one request each, in parallel."""
        with ThreadPoolExecutor(len(categories)) as pool:
            counted = pool.map(lambda each: self._table.count(work_partition(each), MAX_COUNTED), categories)
            return {each: WorkCount(*found) for each, found in zip(categories, counted, strict=True)}

    def _budget(self, rows: int, seconds: float) -> Budget:
        return Budget(rows, self._clock() + seconds, self._clock)


def _read_cursor(cursor: str, categories: Sequence[WorkCategory]) -> tuple[WorkCategory, str | None]:
    name, _, position = cursor.partition("@")
    category = parse_enum(WorkCategory, name, None)
    if category is None or category not in categories:
        raise InvalidQueryError("cursor", "is unknown or expired")
    return category, read_position(position) if position else None
