"""Searching the items of a sync, however many they are: a bounded number of its parts at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codat_sync.core.errors import InvalidQueryError
from codat_sync.syncs.items import Item

if TYPE_CHECKING:
    from codat_sync.syncs.repository import ItemPage as StoredItemPage
    from codat_sync.syncs.repository import SyncRepository

# A part is 350 KB at most: so much is read before a page is answered, full or not.
MAX_PARTS = 8
# A message is 16,384 characters at most. Lambda answers 6 MB, and a character takes up to six bytes in JSON.
_MAX_CHARACTERS = 700_000


@dataclass(frozen=True, slots=True)
class ItemQuery:
    """Which items are asked for: those whose id or type holds ``search``, and of one of the statuses."""

    search: str = ""
    statuses: frozenset[str] = frozenset()
    only_failed: bool = False
    limit: int = 50

    def is_match(self, item: Item) -> bool:
        """Return whether an item is asked for."""
        if self.only_failed and not item.has_failed:
            return False
        if self.statuses and (item.status or "Unknown") not in self.statuses:
            return False
        wanted = self.search.lower()
        return any(wanted in (text or "").lower() for text in (item.transaction_id, item.integration_type))


@dataclass(frozen=True, slots=True)
class ItemPage:
    """Some items. ``next_cursor`` leads to those after them: it holds for a day if the sync is replaced meanwhile."""

    items: Sequence[Item]
    next_cursor: str | None


def find_items(store: "SyncRepository", sync_id: str, query: ItemQuery, cursor: str | None) -> ItemPage | None:
    """Return a page of a sync's items, in Codat's order; None if there is no such sync.

    A page can be shorter than asked for, and lead on all the same: eight parts at most are read for it, a request each.
    Raises InvalidQueryError for a cursor that was not given out, or is too old, and UnprocessedItemsError.
    """
    part, offset = _read_cursor(cursor)
    found: list[Item] = []
    room = _MAX_CHARACTERS
    for _ in range(MAX_PARTS):
        page = _load(store, sync_id, part)
        if page is None:
            return None
        for number, item in enumerate(page.items[offset:], offset):
            if query.is_match(item):
                room -= len(item.message or "")
                if len(found) == query.limit or room < 0:
                    return ItemPage(found, f"{part or ''}@{number}")
                found.append(item)
        part, offset = page.next_cursor, 0
        if part is None:
            return ItemPage(found, None)
    return ItemPage(found, f"{part}@0")


def _load(store: "SyncRepository", sync_id: str, part: str | None) -> "StoredItemPage | None":
    try:
        page = store.load_item_page(sync_id, part)
    except ValueError:
        raise InvalidQueryError("cursor", "is none that was given out") from None
    if page is None and part is not None:
        raise InvalidQueryError("cursor", "is too old: the sync has been replaced since. Begin anew")
    return page


def _read_cursor(cursor: str | None) -> tuple[str | None, int]:
    if cursor is None:
        return None, 0
    part, at, offset = cursor.partition("@")
    if not (at and offset.isascii() and offset.isdecimal() and len(offset) < len("1000000")):
        raise InvalidQueryError("cursor", "is none that was given out")
    return part or None, int(offset)
