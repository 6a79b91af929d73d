"""Store and find search entries in SyncTable."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codat_sync.aws.table_schema import COMPANY, company_key, find_partition, parse_find_key, submission_key
from codat_sync.companies.tombstones import ERASURE_REQUESTED_AT, is_erased
from codat_sync.search.entries import Entry
from codat_sync.search.kinds import SearchKind

if TYPE_CHECKING:
    from codat_sync.aws.dynamodb import Attributes, Table

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Found:
    """The entries found for the beginning of a word, in the order of their words; whether there are more."""

    entries: tuple[Entry, ...] = ()
    has_more: bool = False


class SearchRepository:
    """The search entries in SyncTable."""

    def __init__(self, table: "Table") -> None:
        self._table = table

    def apply(self, written: Iterable[Entry], removed: Iterable[Entry]) -> None:
        """Delete entries, then write entries. Raises UnprocessedItemsError; then repeat it."""
        self._table.delete_all(entry.key for entry in removed)
        self._table.put_all(
            entry.key | dict(entry.attributes) | {"v": _VERSION, "companyId": entry.company_id} for entry in written
        )

    def find(self, kind: SearchKind, beginning: str, limit: int) -> Found:
        """Return up to ``limit`` entries whose word begins with a text, in one request."""
        items, has_more = self._table.query_beginning(find_partition(kind.value, beginning), beginning, limit)
        return Found(tuple(_read(item) for item in items), has_more)

    def load_erased(self, company_ids: Collection[str]) -> set[str]:
        """Return which of the companies are erased, read consistently. Raises UnprocessedItemsError."""
        found = self._table.get(map(company_key, company_ids), ("pk", "sk", "companyId", ERASURE_REQUESTED_AT))
        return {item["companyId"] for item in found if item["sk"] == COMPANY and is_erased(item)}

    def load_recorded(self, submission_ids: Collection[str]) -> set[str]:
        """Return the submissions that are recorded, as opposed to refused because of another submission's claim."""
        found = self._table.get(map(submission_key, submission_ids), ("submissionId",))
        return {item["submissionId"] for item in found}


def _read(item: "Attributes") -> Entry:
    kind, word = parse_find_key(item) or ("", "")
    reference = item["sk"].removeprefix(f"{word}#")
    return Entry(SearchKind(kind), word, reference, item["companyId"], item)
