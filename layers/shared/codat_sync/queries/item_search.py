"""Search the items of a sync, reading a bounded number of its parts per page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codat_sync.core.errors import InvalidQueryError
from codat_sync.syncs.items import Item

if TYPE_CHECKING:
    from codat_sync.syncs.repository import ItemPage as StoredItemPage
    from codat_sync.syncs.repository import SyncRepository

# Maximum number of parts, of up to 350 KB each, read for a page, whether it is full or not.
MAX_PARTS = 8
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
        """Return whether an item matches."""
        if self.only_failed and not item.has_failed:
            return False
        if self.statuses and (item.status or "Unknown") not in self.statuses:
            return False
        wanted = self.search.lower()
        return any(wanted in (text or "").lower() for text in (item.transaction_id, item.integration_type))


@dataclass(frozen=True, slots=True)
class ItemPage:
    """A page of items. ``next_cursor`` leads to the next page; it stays valid for a day after the sync is replaced."""

    items: Sequence[Item]
    next_cursor: str | None


def find_items(store: "SyncRepository", sync_id: str, query: ItemQuery, cursor: str | None) -> ItemPage | None:
    """Return a page of a sync's matching items, in Codat's order; None if there is no such sync.

    A page can be shorter than the limit and still have a cursor: at most eight parts are read for it, a request each.
    Raises InvalidQueryError for an unknown or expired cursor, and UnprocessedItemsError.
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
        raise InvalidQueryError("cursor", "is unknown or expired") from None
    if page is None and part is not None:
        raise InvalidQueryError(
            "cursor", "has expired, as the sync was replaced since: start again from the first page"
        )
    return page


def _read_cursor(cursor: str | None) -> tuple[str | None, int]:
    if cursor is None:
        return None, 0
    part, at, offset = cursor.partition("@")
    if not (at and offset.isascii() and offset.isdecimal() and len(offset) < len("1000000")):
        raise InvalidQueryError("cursor", "is unknown or expired")
    return part or None, int(offset)
