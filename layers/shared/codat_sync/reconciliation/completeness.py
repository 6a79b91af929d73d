"""Report how complete the table is, per company and overall."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from codat_sync.aws.dynamodb import Attributes, Table
from codat_sync.aws.table_schema import COMPLETENESS, reconcile_partition, reconciliation_key
from codat_sync.core.timestamps import format_optional_timestamp, parse_timestamp
from codat_sync.reconciliation.comparison import Discrepancy
from codat_sync.reconciliation.run_repository import DirectoryProgress

_VERSION = 1
_LAST = "9999"
_CLOCK_SKEW = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class CompanyCompleteness:
    """Completeness of the table for one company.

    Everything that Codat listed at ``complete_as_of`` is in the table; None: never known to be complete. ``reasons``
    counts the syncs that did not match Codat's list at ``compared_at``, by ``comparison.Discrepancy``, plus ``omitted``
    for those beyond the limit. ``missing`` counts all syncs ever found whose webhook never arrived. ``problem`` says
    why the last comparison failed; None if it succeeded. ``latest_at`` is the time of the latest sync listed.
    """

    company_id: str
    complete_as_of: datetime | None = None
    begun_at: datetime | None = None
    compared_at: datetime | None = None
    next_at: datetime | None = None
    listed: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    missing: int = 0
    last_missed_at: datetime | None = None
    problem: str | None = None
    latest_at: datetime | None = None

    @property
    def is_incomplete(self) -> bool:
        """Whether records of syncs that Codat lists are missing or do not match."""
        return any(number for why, number in self.reasons.items() if why != Discrepancy.NOT_LISTED)


@dataclass(frozen=True, slots=True)
class OverallCompleteness:
    """Completeness of the table for all companies that are not deleted.

    ``complete_as_of`` is the earliest of theirs and of the last full listing of companies. It is None while a company
    from that listing has never been complete. ``never_complete`` counts the companies that have never been complete.
    """

    complete_as_of: datetime | None = None
    as_of: datetime | None = None
    companies: int = 0
    never_complete: int = 0
    incomplete: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    missing: int = 0
    problems: int = 0


class Completeness:
    """Read and update completeness in SyncTable. Safe to share between threads."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def company(self, company_id: str) -> CompanyCompleteness | None:
        """Return a company's completeness; None if it is not reconciled."""
        found = self._table.get([reconciliation_key(company_id)], ["summary", "reconcileAt"])
        return read_company_completeness(found[0]) if found else None

    def companies(self) -> Iterator[CompanyCompleteness]:
        """Yield all reconciled companies in the order in which they are due; eventually consistent.

        A company that is compared meanwhile moves towards the end, as none is due before its lease ends: so it may be
        yielded twice, but is never missed.
        """
        items = self._table.query_until(reconcile_partition(), _LAST)
        return map(read_company_completeness, items)

    def overall(self) -> OverallCompleteness:
        """Return the overall completeness as of the last run."""
        return _overall(next(iter(self._table.get([COMPLETENESS])), {}))

    def update_overall(self, directory: DirectoryProgress, now: datetime) -> OverallCompleteness:
        """Compute and store the overall completeness.

        ``directory`` is the progress of the company listing before this run: companies that were new then are in the
        index by now.
        """
        companies = {each.company_id: each for each in self.companies()}
        overall = summarize(companies.values(), directory, now)
        self._table.update(COMPLETENESS, _written(overall), {})
        return overall


def summarize(
    companies: Collection[CompanyCompleteness], directory: DirectoryProgress, now: datetime
) -> OverallCompleteness:
    """Aggregate the completeness of ``companies``.

    The result is never later than the last full listing of companies. So companies that Codat did not have then do not
    count: those are the ones discovered after that list was read.
    """
    counted = [each for each in companies if not _is_newer(each, directory)]
    moments = [directory.listed_as_of, *(each.complete_as_of for each in counted)]
    reasons: Counter[str] = Counter()
    for each in companies:
        reasons.update(each.reasons)
    return OverallCompleteness(
        complete_as_of=None if None in moments else min(each for each in moments if each),
        as_of=now,
        companies=len(companies),
        never_complete=sum(each.complete_as_of is None for each in companies),
        incomplete=sum(each.is_incomplete for each in companies),
        reasons=dict(reasons),
        missing=sum(each.missing for each in companies),
        problems=sum(each.problem is not None for each in companies),
    )


def _is_newer(company: CompanyCompleteness, directory: DirectoryProgress) -> bool:
    if company.begun_at is None or directory.read_at is None:
        return False
    return company.begun_at > directory.read_at + _CLOCK_SKEW


def read_company_completeness(item: Mapping[str, Any]) -> CompanyCompleteness:
    """Read a company's completeness from its item, or its entry in the index of the next comparisons."""
    summary = item["summary"]
    return CompanyCompleteness(
        company_id=summary["companyId"],
        complete_as_of=parse_timestamp(summary.get("completeAsOf")),
        begun_at=parse_timestamp(summary.get("begunAt")),
        compared_at=parse_timestamp(summary.get("comparedAt")),
        next_at=parse_timestamp(item.get("reconcileAt")),
        listed=int(summary.get("listed", 0)),
        reasons=_numbers(summary.get("reasons")),
        missing=int(summary.get("missing", 0)),
        last_missed_at=parse_timestamp(summary.get("lastMissedAt")),
        problem=summary.get("problem"),
        latest_at=parse_timestamp(summary.get("latestAt")),
    )


def _overall(values: Mapping[str, Any]) -> OverallCompleteness:
    return OverallCompleteness(
        complete_as_of=parse_timestamp(values.get("completeAsOf")),
        as_of=parse_timestamp(values.get("asOf")),
        companies=int(values.get("companies", 0)),
        never_complete=int(values.get("neverComplete", 0)),
        incomplete=int(values.get("incomplete", 0)),
        reasons=_numbers(values.get("reasons")),
        missing=int(values.get("missing", 0)),
        problems=int(values.get("problems", 0)),
    )


def _written(overall: OverallCompleteness) -> Attributes:
    return {
        "v": _VERSION,
        "completeAsOf": format_optional_timestamp(overall.complete_as_of),
        "asOf": format_optional_timestamp(overall.as_of),
        "companies": overall.companies,
        "neverComplete": overall.never_complete,
        "incomplete": overall.incomplete,
        "reasons": dict(overall.reasons),
        "missing": overall.missing,
        "problems": overall.problems,
    }


def _numbers(written: Mapping[str, Any] | None) -> dict[str, int]:
    return {name: int(number) for name, number in (written or {}).items()}
