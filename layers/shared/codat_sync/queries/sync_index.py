"""List syncs by company and by day, from the table's indexes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from codat_sync.aws.dynamodb import Attributes, Table
from codat_sync.aws.table_schema import Partition, company_partition, day_partition
from codat_sync.core.enums import parse_enum
from codat_sync.core.timestamps import parse_timestamp
from codat_sync.queries.sync_query import ListedSync
from codat_sync.syncs.status_codes import Outcome
from codat_sync.syncs.work_category import parse_category

# The outcomes of syncs of which not everything is known to be written.
UNWRITTEN = frozenset({Outcome.FAILED, Outcome.UNKNOWN})


@dataclass(frozen=True, slots=True)
class IndexPage:
    """The result of one request to an index, which read up to the position ``end``."""

    rows: list[ListedSync]
    has_more: bool
    end: str | None = None


class SyncIndex:
    """List the syncs of SyncTable in order of time. Safe to share between threads.

    A request costs half a read unit for each 4 KB of the index, of which a sync takes about 0.4 KB:
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
    """

    def __init__(self, table: Table) -> None:
        self._table = table

    def list_day(self, day: date, after: str | None, limit: int | None, *, newest_first: bool) -> IndexPage:
        """List syncs of a day (UTC) after a position: at most ``limit``, and at most one request (1 MB)."""
        return self._page(day_partition(day), after, limit, newest_first=newest_first)

    def list_company(self, company_id: str, after: str | None, limit: int | None, *, newest_first: bool) -> IndexPage:
        """List syncs of a company after a position: at most ``limit``, and at most one request (1 MB)."""
        return self._page(company_partition(company_id), after, limit, newest_first=newest_first)

    def _page(self, partition: Partition, after: str | None, limit: int | None, *, newest_first: bool) -> IndexPage:
        items, has_more = self._table.query_page(partition, after, limit, newest_first=newest_first)
        rows = [parse_listed_sync(item["summary"], item[partition.sort]) for item in items if "summary" in item]
        return IndexPage(rows, has_more, items[-1][partition.sort] if items else None)


def parse_listed_sync(summary: Mapping[str, Any], position: str) -> ListedSync:
    """Parse a sync's summary, listed at ``position``."""
    code = summary.get("code")
    return ListedSync(
        company_id=summary["companyId"],
        sync_id=summary["syncId"],
        at=position.partition("#")[0],
        outcome=_outcome(summary),
        code=None if code is None else int(code),
        synced_at=parse_timestamp(summary.get("syncUtc")),
        first_seen_at=parse_timestamp(summary.get("firstSeenAt")),
        transactions=int(summary.get("transactions", 0)),
        failed=int(summary.get("failed", 0)),
        check_failure=summary.get("checkFailure"),
        is_stuck=bool(summary.get("isStuck")),
        category=parse_category(summary.get("category")) if _outcome(summary) in UNWRITTEN else None,
    )


def _outcome(summary: Attributes | Mapping[str, Any]) -> Outcome:
    return parse_enum(Outcome, summary["outcome"], Outcome.UNKNOWN)
