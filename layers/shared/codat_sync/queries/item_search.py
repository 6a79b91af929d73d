"""Search the items of a sync, reading a bounded number of its parts per page."""

import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codat_sync.core.errors import InvalidQueryError
from codat_sync.syncs.items import Item

if TYPE_CHECKING:
    from codat_sync.syncs.repository import ItemPage as StoredItemPage
    from codat_sync.syncs.repository import SyncRepository

_NO_LETTERS = re.compile(r"[^a-z0-9]")
# Maximum number of parts, of up to 350 KB each, read for a page, whether it is full or not.
MAX_PARTS = 8
# An export reads all parts, as far as the time allows: API Gateway ends a request after 30 s.
_WHOLE_SECONDS = 18
# A message has at most 16,384 characters. Lambda responses are limited to 6 MB; a character takes up to 6 in JSON.
_MAX_CHARACTERS = 700_000


@dataclass(frozen=True, slots=True)
class ItemQuery:
    """Select items whose id or type contains ``search``, and that have one of the statuses."""

    search: str = ""
    statuses: frozenset[str] = frozenset()
    only_failed: bool = False
    limit: int = 50

    def is_match(self, item: Item) -> bool:
        """Return whether an item matches. A type is found by each name that Codat gives it."""
        if self.only_failed and not item.has_failed:
            return False
        if self.statuses and (item.status or "Unknown") not in self.statuses:
            return False
        wanted = self.search.strip().lower()
        if wanted in (item.transaction_id or "").lower():
            return True
        name = _normalize_type(wanted)
        return bool(name) and name in _normalize_type(item.integration_type or "")


def _normalize_type(name: str) -> str:
    """Return an integration type without its spelling: `Bank-feeds` and `bankfeed` are the same."""
    return _NO_LETTERS.sub("", name.lower()).removesuffix("s")


@dataclass(frozen=True, slots=True)
class ItemPage:
    """A page of items. ``next_cursor`` leads to the next page; it stays valid for a day after the sync is replaced.

    ``is_truncated`` means that reading stopped before the page was full. ``reached`` is the number of the sync's items
    examined for this page and those before it; None: all.
    """

    items: Sequence[Item]
    next_cursor: str | None
    is_truncated: bool = False
    reached: int | None = None


class ItemWalk:
    """Iterate over the items of a sync that match a query, in Codat's order, reading at most ``parts`` of its parts.

    Raises InvalidQueryError for an unknown or expired cursor, and UnprocessedItemsError.
    """

    def __init__(  # noqa: PLR0913 - all are needed
        self,
        store: "SyncRepository",
        sync_id: str,
        query: ItemQuery,
        cursor: str | None,
        *,
        parts: int = sys.maxsize,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._sync_id = sync_id
        self._query = query
        self._parts_left = parts
        self._clock = clock
        self._ends_at = clock() + _WHOLE_SECONDS
        self._part, self._offset, self.examined = _read_cursor(cursor)
        self._is_at_end = False
        self._page = self._load()

    @property
    def is_found(self) -> bool:
        """Whether there is such a sync."""
        return self._page is not None

    @property
    def cursor(self) -> str | None:
        """The cursor after everything read so far; None once all items have been read."""
        return None if self._is_at_end else f"{self._part or ''}@{self._offset}@{self.examined}"

    def rows(self) -> Iterator[Item]:
        """Yield the matching items. It ends early, with a cursor, if there are more parts. Raises InvalidQueryError."""
        while page := self._page:
            for item in page.items[self._offset :]:
                self._offset += 1
                self.examined += 1
                if self._query.is_match(item):
                    yield item
            self._parts_left -= 1
            self._part, self._offset = page.next_cursor, 0
            if self._part is None:
                self._is_at_end = True
                return
            if self._parts_left <= 0 or self._clock() >= self._ends_at:
                return
            self._page = self._load()

    def _load(self) -> "StoredItemPage | None":
        try:
            page = self._store.load_item_page(self._sync_id, self._part)
        except ValueError:
            raise InvalidQueryError("cursor", "is unknown or expired") from None
        if page is None and self._part is not None:
            raise InvalidQueryError(
                "cursor", "has expired, as the sync was replaced since: start again from the first page"
            )
        return page


def find_items(store: "SyncRepository", sync_id: str, query: ItemQuery, cursor: str | None) -> ItemPage | None:
    """Return a page of a sync's matching items, in Codat's order; None if there is no such sync.

    A page can be shorter than the limit and still have a cursor: at most eight parts are read for it, a request each.
    Raises InvalidQueryError for an unknown or expired cursor, and UnprocessedItemsError.
    """
    walk = ItemWalk(store, sync_id, query, cursor, parts=MAX_PARTS)
    if not walk.is_found:
        return None
    found: list[Item] = []
    room = _MAX_CHARACTERS
    before, examined = walk.cursor, walk.examined
    for item in walk.rows():
        room -= len(item.message or "")
        if len(found) == query.limit or room < 0:
            return ItemPage(found, before, len(found) < query.limit, examined)
        found.append(item)
        before, examined = walk.cursor, walk.examined
    has_more = walk.cursor is not None
    return ItemPage(found, walk.cursor, has_more, walk.examined if has_more else None)


def _read_cursor(cursor: str | None) -> tuple[str | None, int, int]:
    if cursor is None:
        return None, 0, 0
    part, *numbers = cursor.split("@")
    if len(numbers) != 2 or not all(each.isascii() and each.isdecimal() and len(each) < 10 for each in numbers):  # noqa: PLR2004 - see ``ItemWalk.cursor``
        raise InvalidQueryError("cursor", "is unknown or expired")
    return part or None, int(numbers[0]), int(numbers[1])
