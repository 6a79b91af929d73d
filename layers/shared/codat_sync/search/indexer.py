"""Keep search entries up to date with the items of SyncTable, from the changes of its stream or from a scan.

Entries depend on their item only, and the changes of one item arrive in order. So repeated and late changes lead to the
same entries: if a repeated earlier change restores an entry, the repeated purge or deletion removes it again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from codat_sync.search.entries import Entry, derive_entries
from codat_sync.search.kinds import SearchIndexScope

if TYPE_CHECKING:
    from codat_sync.search.repository import SearchRepository


@dataclass(frozen=True, slots=True)
class ItemChange:
    """An item before and after a change; empty where it does not exist."""

    old: Mapping[str, Any]
    new: Mapping[str, Any]


@dataclass(frozen=True)
class SearchIndexer:
    """Write and delete search entries within a scope."""

    entries: "SearchRepository"
    scope: SearchIndexScope

    def index(self, changes: Iterable[ItemChange]) -> int:
        """Apply the changes in their order; return how many entries were written.

        No entries of an erased company are written. An erasure begins to delete only after this invocation has ended.
        Raises UnprocessedItemsError; then repeat it.
        """
        last: dict[Entry, Entry | None] = {}  # The last version of each entry, None if it is to be deleted.
        for change in changes:
            old, new = self._derive(change.old), self._derive(change.new)
            last |= dict.fromkeys(old.keys() - new.keys())
            last |= {entry: entry for entry in new if old.get(entry) != entry.attributes}
        wanted = [entry for entry in last.values() if entry]
        erased = self.entries.load_erased({entry.company_id for entry in wanted}) if wanted else set()
        written = [entry for entry in wanted if entry.company_id not in erased]
        self.entries.apply(written, [entry for entry, version in last.items() if version is None])
        return len(written)

    def _derive(self, item: Mapping[str, Any]) -> dict[Entry, Mapping[str, Any]]:
        entries = derive_entries(item) if item else frozenset()
        return {entry: entry.attributes for entry in entries if entry.kind in self.scope.kinds}
