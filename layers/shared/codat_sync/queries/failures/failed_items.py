"""List the failed items of many syncs, newest sync first, reading a bounded number of records and parts per page."""

import sys
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any

from codat_sync.core.errors import InvalidQueryError
from codat_sync.queries.listing import Listing
from codat_sync.queries.sync_index import parse_listed_sync
from codat_sync.queries.sync_query import HistoryQuery, ListedSync, position_time, read_position
from codat_sync.submissions.expense_content import ExpenseContent
from codat_sync.syncs.failure_causes import cause_id, normalize_message, read_causes
from codat_sync.syncs.items import Item
from codat_sync.syncs.record import is_fetched, read_item, read_status
from codat_sync.syncs.status_codes import Outcome

if TYPE_CHECKING:
    from codat_sync.queries.sync_details import SyncReader
    from codat_sync.queries.sync_history import SyncHistory

# Maximum number of parts, of up to 350 KB each, read for a page.
MAX_PARTS = 8
# Records read at once: one, then two, and so on, as the first may fill the page. One has up to 400 KB.
_RECORDS_AT_ONCE = 16
# A message has at most 16,384 characters. Lambda responses are limited to 6 MB; a character takes up to 6 in JSON.
_MAX_CHARACTERS = 700_000


@dataclass(frozen=True, slots=True)
class FailureQuery:
    """Select the failed items of the syncs of ``history`` that have a cause; None: any."""

    history: HistoryQuery
    cause_id: str | None = None
    limit: int = 50

    @property
    def syncs(self) -> HistoryQuery:
        """The query for the failed syncs."""
        return replace(self.history, outcomes=frozenset({Outcome.FAILED}))


@dataclass(frozen=True, slots=True)
class FailedItem:
    """A failed item, its sync and, if requested, the submitted data.

    Without an item, the sync failed as a whole: its message and cause are the sync's.
    """

    sync: ListedSync
    item: Item | None
    message: str | None
    cause_id: str
    company_name: str | None = None
    expense: ExpenseContent | None = None

    @property
    def amount(self) -> Decimal | None:
        """The total with tax, if it is known and may be seen."""
        return self.expense.amounts[0] if self.expense and self.expense.amounts else None

    @property
    def company_id(self) -> str:
        """The id of the sync's company."""
        return self.sync.company_id

    @property
    def transaction_id(self) -> str | None:
        """The id of the transaction, if there is one."""
        return self.item.transaction_id if self.item else None


@dataclass(frozen=True, slots=True)
class FailedItemPage:
    """A page of failed items. ``reached`` is the position up to which the pages cover the period; None: to its end."""

    items: Sequence[FailedItem]
    next_cursor: str | None
    is_truncated: bool
    reached: str | None

    @property
    def reached_to(self) -> datetime | None:
        """The time up to which the pages cover the period; None: to its end."""
        return None if self.reached is None else position_time(self.reached)


class FailedItemWalk(Listing[FailedItem]):
    """Iterate over failed items, in Codat's order within each sync. Raises InvalidQueryError for an invalid cursor.

    Reads at most ``records`` records of syncs and ``parts`` parts, for at most ``seconds``.
    """

    def __init__(  # noqa: PLR0913 - all are needed
        self,
        sync_history: "SyncHistory",
        reader: "SyncReader",
        query: FailureQuery,
        cursor: str | None,
        *,
        seconds: float,
        records: int = sys.maxsize,
        parts: int = sys.maxsize,
    ) -> None:
        self._reader = reader
        self._query = query
        self._clock = sync_history.clock
        self._ends_at = self._clock() + seconds
        self._records_left = records
        self._parts_left = parts
        position, self._resumed = _read_cursor(cursor)
        self._walk = sync_history.walk(query.syncs, position)
        self._cursor = cursor
        self._is_at_end = False

    @property
    def cursor(self) -> str | None:
        """The cursor after everything read so far; None once all has been read."""
        return None if self._is_at_end else self._cursor

    @property
    def _is_over(self) -> bool:
        return self._records_left <= 0 or self._parts_left <= 0 or self._clock() >= self._ends_at

    def rows(self) -> Iterator[FailedItem]:
        """Yield the matching items. It ends early, with a cursor, if there are more items than may be read."""
        if self._resumed and not (yield from self._rest_of_sync(self._resumed)):
            return
        syncs, width = self._walk.rows(), 1
        while not self._is_over and (some := list(islice(syncs, min(width, self._records_left)))):
            self._records_left -= len(some)
            width = min(2 * width, _RECORDS_AT_ONCE)
            records = {each["syncId"]: each for each in self._reader.load_records([row.sync_id for row in some])}
            for row in some:
                if not (yield from self._items_of(row, records.get(row.sync_id, {}), 0, 0)):
                    return
        if next(syncs, None) is None:
            self._is_at_end = self._walk.cursor is None
            self._cursor = self._walk.cursor or self._cursor

    def _rest_of_sync(self, resumed: "_Place") -> Generator[FailedItem, None, bool]:
        found = list(self._reader.load_records([resumed.position.partition("#")[2]]))
        if not found or _part_run_id(found[0]) != resumed.part_run_id:
            raise InvalidQueryError(
                "cursor", "has expired, as a sync was replaced since: start again from the first page"
            )
        row = parse_listed_sync(found[0]["summary"], resumed.position)
        return (yield from self._items_of(row, found[0], resumed.part, resumed.offset))

    def _items_of(
        self, row: ListedSync, record: Mapping[str, Any], part: int, offset: int
    ) -> Generator[FailedItem, None, bool]:
        """Yield a sync's matching items from a place on; return whether there was time for all of them."""
        if record and self._may_match(record):
            for number, items in self._parts(record, part):
                for at, item in enumerate(items[offset:], offset + 1):
                    self._cursor = str(_Place(row.position, _part_run_id(record), number, at))
                    if item.has_failed and self._has_cause(text := normalize_message(item.message, row.code)):
                        yield FailedItem(row, item, item.message, cause_id(text))
                offset = 0
                if self._is_over and number + 1 < _count(record):
                    self._cursor = str(_Place(row.position, _part_run_id(record), number + 1, 0))
                    return False
        self._cursor = row.position
        if record and not row.failed:
            message = _own_message(record)
            if self._has_cause(text := normalize_message(message, row.code)):
                yield FailedItem(row, None, message, cause_id(text))
        return True

    def _has_cause(self, text: str) -> bool:
        return self._query.cause_id in {None, cause_id(text)}

    def _may_match(self, record: Mapping[str, Any]) -> bool:
        """Return whether a record may have items with the cause, by the causes that it keeps."""
        if self._query.cause_id is None or "causes" not in record.get("parts", {}):
            return True
        known = read_causes(record["parts"]["causes"])
        return known.other_failures > 0 or any(self._has_cause(each.text) for each in known.causes)

    def _parts(self, record: Mapping[str, Any], first: int) -> Iterator[tuple[int, list[Item]]]:
        """Yield the number and the items of each part from the first one on; of a record without parts, all items."""
        if "parts" not in record:
            yield 0, list(map(read_item, record.get("items", ())))
            return
        for number in range(first, _count(record)):
            self._parts_left -= 1
            yield number, self._reader.load_part(record, number)


@dataclass(frozen=True, slots=True)
class _Place:
    """A place within a sync: its position, its part run (empty if it has none), a part, and an offset in it."""

    position: str
    part_run_id: str
    part: int
    offset: int

    def __str__(self) -> str:
        return f"{self.position}!{self.part_run_id}!{self.part}!{self.offset}"


def find_failed_items(
    sync_history: "SyncHistory", reader: "SyncReader", query: FailureQuery, cursor: str | None
) -> FailedItemPage:
    """Return a page of failed items. It can be shorter than the limit and still have a cursor.

    At most 200 records and eight parts are read for it. Raises InvalidQueryError and UnprocessedItemsError.
    """
    limits = sync_history.limits
    walk = FailedItemWalk(
        *(sync_history, reader, query, cursor), seconds=limits.page_seconds, records=limits.failed, parts=MAX_PARTS
    )
    found: list[FailedItem] = []
    room, before = _MAX_CHARACTERS, cursor
    for row in walk.rows():
        room -= len(row.message or "")
        if len(found) == query.limit or (room < 0 and found):
            return FailedItemPage(found, before, len(found) < query.limit, _position(before))
        found.append(row)
        before = walk.cursor
    return FailedItemPage(found, walk.cursor, walk.cursor is not None, _position(walk.cursor))


def _own_message(record: Mapping[str, Any]) -> str | None:
    return read_status(record).message if is_fetched(record) else None


def _part_run_id(record: Mapping[str, Any]) -> str:
    return str(record.get("parts", {}).get("partRunId", ""))


def _count(record: Mapping[str, Any]) -> int:
    return int(record.get("parts", {}).get("count", 1))


def _position(cursor: str | None) -> str | None:
    return cursor and cursor.partition("!")[0]


def _read_cursor(cursor: str | None) -> tuple[str | None, _Place | None]:
    """Return the position of a cursor, and the place within its sync if that was not read to its end."""
    if cursor is None:
        return None, None
    position, *place = cursor.split("!")
    position = read_position(position)
    if not place:
        return position, None
    if len(place) != 3 or not all(each.isascii() and each.isdecimal() and len(each) < 10 for each in place[1:]):  # noqa: PLR2004 - see ``_Place``
        raise InvalidQueryError("cursor", "is unknown or expired")
    return position, _Place(position, place[0], int(place[1]), int(place[2]))
