"""Find and delete everything that SyncTable holds about a company, except its own record.

Items are found by a scan of the whole table. No index covers the index entries, bodies and claims of a company, as each
would cost another write; and records do not name the transactions that they had earlier. Only an erasure waits for the
scan.
"""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain

from codat_sync.aws.dynamodb import Attributes, Table
from codat_sync.aws.table_schema import (
    DROPPED,
    Key,
    belongs_to_company,
    company_key,
    get_item_type,
    is_idempotency_record,
    parse_sync_id,
    sync_key,
)
from codat_sync.dead_letters.mention import mentions_company

_NAMES = ("pk", "sk", "companyId", "summary.companyId")
_QUERIES_AT_ONCE = 8


class CompanyItems:
    """Count and delete a company's items in SyncTable."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._pool = ThreadPoolExecutor(_QUERIES_AT_ONCE, thread_name_prefix="query")

    def count(self, company_id: str) -> Iterator[Counter[str]]:
        """Yield the number of items by type, per page of the table."""
        for steps in self._find(company_id):
            yield Counter(map(get_item_type, chain.from_iterable(steps)))

    def erase(self, company_id: str) -> Iterator[Counter[str]]:
        """Delete them; yield as ``count`` does. After an interruption, another run finds the rest.

        Raises UnprocessedItemsError.
        """
        for steps in self._find(company_id):
            for keys in steps:
                self._table.delete_all(keys)
            yield Counter(map(get_item_type, chain.from_iterable(steps)))

    def _find(self, company_id: str) -> Iterator[list[list[Key]]]:
        """Yield batches of keys in steps: items that lead to others are deleted after those."""
        looked_up: set[str] = set()
        for page in self._table.scan(_NAMES):
            matches = [item for item in page if _is_of(item, company_id)]
            sync_ids = {sync_id for item in matches if (sync_id := parse_sync_id(item))} - looked_up
            looked_up |= sync_ids
            partitions = list(self._pool.map(partial(self._sync, company_id), sync_ids))
            yield [
                [_key(item) for item in chain.from_iterable(partitions) if _company_of(item) is None],
                [_key(item) for item in chain.from_iterable(partitions) if _company_of(item) is not None],
                [_key(item) for item in matches if not _is_in_sync(item)],
            ]

        # Dropped letters whose body mentions the company, although their company id does not.
        dropped = self._table.query_partition(DROPPED, (*_NAMES, "body"))
        others = (item for item in dropped if not _is_of(item, company_id))
        yield [[_key(item) for item in others if mentions_company(company_id, item.get("body") or "")]]

    def _sync(self, company_id: str, sync_id: str) -> list[Attributes]:
        """Return all items of a sync; none if it belongs to another company, whatever led to it."""
        items = self._table.query_partition(sync_key(sync_id)["pk"], _NAMES)
        return items if {_company_of(item) for item in items} <= {None, company_id} else []


def _is_of(item: Attributes, company_id: str) -> bool:
    is_record = _key(item) == company_key(company_id)
    # Stored responses name no company: all of them are deleted. A repeated request is then executed again, safely.
    return not is_record and (
        _company_of(item) == company_id
        or belongs_to_company(_key(item), company_id)
        or is_idempotency_record(_key(item))
    )


def _is_in_sync(item: Attributes) -> bool:
    return bool(sync_key(parse_sync_id(item) or "")["pk"] == item["pk"])


def _company_of(item: Attributes) -> str | None:
    """Return the company id in an item's attributes; None if there is none."""
    company_id: str | None = item.get("companyId") or item.get("summary", {}).get("companyId")
    return company_id


def _key(item: Attributes) -> Key:
    return {"pk": item["pk"], "sk": item["sk"]}
