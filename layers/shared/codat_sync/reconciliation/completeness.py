"""How complete the table is, for who shows it: for a company, and for all of them together."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from codat_sync.aws.dynamodb import Attributes, Table
from codat_sync.aws.table_schema import BY_RECONCILE, COMPLETENESS, RECONCILE, reconciliation_key
from codat_sync.core.timestamps import format_optional_timestamp, parse_timestamp
from codat_sync.reconciliation.comparison import Discrepancy
from codat_sync.reconciliation.run_repository import DirectoryProgress

_VERSION = 1
_LAST = "9999"
_CLOCKS_DIFFER = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class CompanyCompleteness:
    """How complete the table is for a company.

    All that Codat listed at ``complete_as_of`` is in the table; None: not known for any moment. ``reasons`` counts the
    syncs that are not as Codat listed them at ``compared_at``, by why (``comparison.Discrepancy``, and ``omitted`` for
    those that were too many to be told apart). ``missing`` counts those ever found whose webhook never came.
    ``problem`` says why the last comparison came to nothing, None if it did not.
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

    @property
    def is_incomplete(self) -> bool:
        """Whether syncs that Codat lists are not in the table as it lists them."""
        return any(number for why, number in self.reasons.items() if why != Discrepancy.NOT_LISTED)


@dataclass(frozen=True, slots=True)
class OverallCompleteness:
    """The same for all companies that are not deleted: the least of them, and of when Codat was asked which there are.

    ``never`` counts those that were never complete. While there is one that Codat had when it was asked which there
    are, nothing is said of all.
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
    """What reconcile has found out. Safe to share between threads."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def company(self, company_id: str) -> CompanyCompleteness | None:
        """Return how complete the table is for a company, None if it is not compared."""
        found = self._table.get([reconciliation_key(company_id)], ["summary", "reconcileAt"])
        return _company(found[0]) if found else None

    def companies(self) -> Iterator[CompanyCompleteness]:
        """Yield all companies that are compared, those first that are due first: perhaps as they were a moment ago.

        One that is compared meanwhile is due later than it was, as nothing is due sooner than a lease ends: so it may
        be met twice, and is never missed.
        """
        items = self._table.query_index(BY_RECONCILE, {"reconcilePk": RECONCILE}, {"reconcileAt": _LAST})
        return map(_company, items)

    def overall(self) -> OverallCompleteness:
        """Return how complete the table is for all companies, as the last round has found it."""
        return _overall(next(iter(self._table.get([COMPLETENESS])), {}))

    def update_overall(self, directory: DirectoryProgress, now: datetime) -> OverallCompleteness:
        """Return how complete the table is for all companies now, and write it down.

        ``directory`` is how far Codat's list of companies was read before this round: those that were new then are in
        the index by now.
        """
        companies = {each.company_id: each for each in self.companies()}
        overall = summarize(companies.values(), directory, now)
        self._table.update(COMPLETENESS, _written(overall), {})
        return overall


def summarize(
    companies: Collection[CompanyCompleteness], directory: DirectoryProgress, now: datetime
) -> OverallCompleteness:
    """Return what ``companies`` come to together.

    Nothing is said of a moment after Codat was asked which companies there are. So one that it did not have then does
    not count: it became known only after that list was read.
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
    return company.begun_at > directory.read_at + _CLOCKS_DIFFER


def _company(item: Mapping[str, Any]) -> CompanyCompleteness:
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
