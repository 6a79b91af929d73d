"""Rebuild the search entries from the whole table: for items older than the index, and after missed changes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codat_sync.aws.invocation_deadline import limit_invocation
from codat_sync.aws.table_schema import parse_find_key
from codat_sync.search.indexer import ItemChange, SearchIndexer

if TYPE_CHECKING:
    from codat_sync.aws.dynamodb import Attributes, Table

# An erasure begins to delete once writers that may not know of it have ended: as long as a function runs.
_MAX_PAGE_SECONDS = 240


@dataclass(frozen=True, slots=True)
class RebuiltPage:
    """The numbers of entries written, and deleted because they are outside the scope, for a page of the table."""

    written: int
    deleted: int


@dataclass(frozen=True)
class SearchRebuilder:
    """Write the entries of all items, and delete those that are outside the scope."""

    table: "Table"
    indexer: SearchIndexer

    def rebuild(self) -> Iterator[RebuiltPage]:
        """Rebuild, page by page. This can be repeated, and can run while the function indexes changes.

        If a body is purged meanwhile, entries can remain; the next purge deletes them. Raises UnprocessedItemsError,
        and InvocationDeadlineError if a page takes minutes, as after a suspended laptop has woken up.
        """
        pages = self.table.scan(())
        while True:
            with limit_invocation(_MAX_PAGE_SECONDS):
                page = next(pages, None)
                if page is None:
                    return
                rebuilt = self._rebuild(page)
            yield rebuilt

    def _rebuild(self, page: "list[Attributes]") -> RebuiltPage:
        kinds = {kind.value for kind in self.indexer.scope.kinds}
        entries = [(item, found[0]) for item in page if (found := parse_find_key(item))]
        outside = [{name: item[name] for name in ("pk", "sk")} for item, kind in entries if kind not in kinds]
        self.table.delete_all(outside)
        return RebuiltPage(self.indexer.index(ItemChange({}, item) for item in page), len(outside))
