"""Read all companies, with their latest sync, completeness and open failures, from the table's indexes.

It makes no request per company: three lists are read, each up to a limit, and joined.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from codat_sync.aws.table_schema import company_list_partition, reconcile_partition, work_partition
from codat_sync.companies.company import Company
from codat_sync.core.enums import parse_enum
from codat_sync.core.timestamps import parse_timestamp
from codat_sync.queries.companies.company_list import CompanyPage, CompanyQuery, ListedCompany, read_offset
from codat_sync.reconciliation.completeness import CompanyCompleteness, read_company_completeness
from codat_sync.syncs.status_codes import Outcome
from codat_sync.syncs.work_category import OPEN_CATEGORIES

if TYPE_CHECKING:
    from codat_sync.aws.dynamodb import Attributes, Table
    from codat_sync.aws.table_schema import Partition

# The fields that are read from the summaries: most of the time is spent on parsing them.
_LISTED = (
    *("companyId", "name", "sourcePlatform", "targetPlatform", "connectionStatus", "isDeleted"),
    *("syncId", "at", "outcome"),
)
_COMPARED = ("companyId", "completeAsOf", "comparedAt", "reasons", "problem", "latestAt")


@dataclass(frozen=True, slots=True)
class CompanyLimits:
    """The limits of a request. A result that ends at one of them says so.

    ``companies``: companies, of up to two index entries each. ``failures``: open failures of each category.
    ``page_seconds`` for a page, and ``whole_seconds`` for an export: API Gateway ends a request after 30 s.
    """

    companies: int = 20_000
    failures: int = 20_000
    page_seconds: float = 8
    whole_seconds: float = 18


LIMITS = CompanyLimits()


@dataclass(frozen=True, slots=True)
class _Read:
    """The summaries of a partition, as far as they were read."""

    items: "list[Attributes]"
    is_truncated: bool


@dataclass(frozen=True, slots=True)
class AllCompanies:
    """The companies as far as they were read: see ``CompanyPage``."""

    rows: Sequence[ListedCompany]
    is_truncated: bool
    is_failure_count_truncated: bool


@dataclass(frozen=True)
class CompanyReader:
    """Read the list of companies. Safe to share between threads."""

    table: "Table"
    limits: CompanyLimits = field(default_factory=lambda: LIMITS)
    clock: Callable[[], float] = time.monotonic

    def load_page(self, query: CompanyQuery, cursor: str | None) -> CompanyPage:
        """Return a page of matching companies. Raises InvalidQueryError for an invalid cursor."""
        start = read_offset(cursor)
        found = self._load(query, self.limits.page_seconds)
        end = start + query.limit
        return CompanyPage(
            rows=found.rows[start:end],
            total=len(found.rows),
            next_cursor=str(end) if end < len(found.rows) else None,
            is_truncated=found.is_truncated,
            is_failure_count_truncated=found.is_failure_count_truncated,
        )

    def load_all(self, query: CompanyQuery) -> AllCompanies:
        """Return all matching companies, for an export."""
        return self._load(query, self.limits.whole_seconds)

    def _load(self, query: CompanyQuery, seconds: float) -> AllCompanies:
        ends_at = self.clock() + seconds
        limits = self.limits
        with ThreadPoolExecutor(2 + len(OPEN_CATEGORIES)) as pool:
            listed = pool.submit(self._read, company_list_partition(), _LISTED, 2 * limits.companies, ends_at)
            compared = pool.submit(self._read, reconcile_partition(), _COMPARED, limits.companies, ends_at)
            work = [
                each.result()
                for each in [
                    pool.submit(self._read, work_partition(name), ("companyId",), limits.failures, ends_at)
                    for name in OPEN_CATEGORIES
                ]
            ]
        failures = Counter(item["summary"]["companyId"] for each in work for item in each.items)
        rows = _join(listed.result().items, compared.result().items, failures)
        return AllCompanies(
            rows=query.select(rows),
            is_truncated=listed.result().is_truncated or compared.result().is_truncated,
            is_failure_count_truncated=any(each.is_truncated for each in work),
        )

    def _read(self, partition: "Partition", names: Sequence[str], limit: int, ends_at: float) -> _Read:
        """Read ``names`` of a partition's summaries: at most ``limit``, and what a request returns (1 MB) more."""
        wanted = (partition.sort, *(f"summary.{name}" for name in names))
        items: list[Attributes] = []
        has_more = True
        while has_more and len(items) < limit and self.clock() < ends_at:
            after = items[-1][partition.sort] if items else None
            page, has_more = self.table.query_page(partition, after, None, newest_first=False, names=wanted)
            items += page
        return _Read(items, has_more)


def _join(
    listed: "Iterable[Attributes]", compared: "Iterable[Attributes]", failures: Mapping[str, int]
) -> Iterable[ListedCompany]:
    """Join the lists. A company known only from Codat's list has just an id until the worker fetches it."""
    companies: dict[str, Company] = {}
    latest: dict[str, Mapping[str, Any]] = {}
    for item in listed:
        summary = item["summary"]
        if "syncId" in summary:
            latest[summary["companyId"]] = summary
        else:
            companies[summary["companyId"]] = _read_company(summary)
    completeness = {each.company_id: each for each in map(read_company_completeness, compared)}
    for company_id in dict.fromkeys([*companies, *completeness, *latest]):
        company = companies.get(company_id) or Company(company_id, None, None, None, None)
        yield _build_row(company, latest.get(company_id), completeness.get(company_id), failures.get(company_id, 0))


def _build_row(
    company: Company, latest: Mapping[str, Any] | None, completeness: CompanyCompleteness | None, failures: int
) -> ListedCompany:
    at = parse_timestamp(latest["at"]) if latest else None
    listed_at = completeness.latest_at if completeness else None
    row = ListedCompany(company, listed_at, None, None, failures, completeness)
    if latest and at and (listed_at is None or listed_at <= at):
        outcome = parse_enum(Outcome, latest["outcome"], Outcome.UNKNOWN)
        return replace(row, last_sync_at=at, last_sync_id=latest["syncId"], last_outcome=outcome)
    return row


def _read_company(summary: Mapping[str, Any]) -> Company:
    return Company(
        company_id=summary["companyId"],
        name=summary.get("name"),
        source_platform=summary.get("sourcePlatform"),
        target_platform=summary.get("targetPlatform"),
        connection_status=summary.get("connectionStatus"),
        is_deleted=summary.get("isDeleted", False),
    )
