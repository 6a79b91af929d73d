"""Store reconciliation state in SyncTable, in an item beside the company's record: so each item has one owner.

The worker creates a company's item when it first stores the company; from then on only reconcile writes it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice
from typing import Any

from codat_sync.aws.dynamodb import Attributes, Table
from codat_sync.aws.table_schema import (
    SEARCH,
    SYNC,
    accepted_differences_key,
    company_key,
    company_partition,
    reconcile_index_keys,
    reconcile_partition,
    reconciliation_key,
    sync_key,
)
from codat_sync.companies.company import is_stale
from codat_sync.companies.reconciliation_start import STATE_VERSION, schedule_reconciliation
from codat_sync.companies.repository import is_listed
from codat_sync.companies.tombstones import ERASURE_REQUESTED_AT, is_erased, is_not_erased
from codat_sync.core.enums import parse_enum
from codat_sync.core.errors import ConditionFailedError
from codat_sync.core.timestamps import format_optional_timestamp, format_timestamp, parse_timestamp
from codat_sync.polling.pending_check import read_pending_check
from codat_sync.reconciliation.company_state import LEASE, Reconciliation, UnresolvedSync
from codat_sync.reconciliation.comparison import Discrepancy, KnownSync, SyncSummary
from codat_sync.syncs.status_codes import Outcome

_LAST = "9999"
_COMPANY_HEAD = ("pk", "isDeleted", "fetchedAt", "dueAt", "companyPk", ERASURE_REQUESTED_AT)
_HEAD = (
    "pk",
    "companyId",
    "syncId",
    "version",
    "digest",
    "code",
    "syncUtc",
    "firstSeenAt",
    "pendingCheck",
    "dueAt",
    "summary",
)


@dataclass(frozen=True, slots=True)
class Due:
    """A company that is due to be compared. Postponing its due time ``at`` conditionally leases it."""

    company_id: str
    at: str
    is_quiet: bool


class ReconciliationRepository:
    """Load and store the reconciliation state of each company."""

    def __init__(self, table: Table) -> None:
        self._table = table

    # ------------------------------------------------------------ due companies

    def start_tracking(self, company_ids: Iterable[str], now: datetime) -> int:
        """Start reconciling the companies that are neither tracked nor erased; return their number."""
        keys = {each: reconciliation_key(each) for each in company_ids}
        requested = [*keys.values(), *map(company_key, keys)]
        found = self._table.get(requested, ["pk", "reconcileAt", ERASURE_REQUESTED_AT])
        tracked = {item["pk"] for item in found if "reconcileAt" in item or is_erased(item)}
        new = [company_id for company_id, key in keys.items() if key["pk"] not in tracked]
        for company_id in new:
            schedule_reconciliation(self._table, company_id, now)
        return len(new)

    def load_due(self, now: datetime, most: int) -> list[Due]:
        """Return at most ``most`` companies that are due, the longest overdue first, then those to be searched."""
        found = self._table.query_until(reconcile_partition(), format_timestamp(now))
        return [
            Due(item["summary"]["companyId"], item["reconcileAt"], bool(item["summary"].get("isQuiet")))
            for item in islice(chain(found, self._load_searched(now)), most)
        ]

    def _load_searched(self, now: datetime) -> Iterator[Attributes]:
        """Yield the companies that have not been compared since a search was requested."""
        requested_at = self._table.get_attribute(SEARCH, "requestedAt")
        if not requested_at:
            return
        # A company that is due sooner may be leased.
        first = format_timestamp(now + LEASE)
        for item in self._table.query_until(reconcile_partition(), _LAST):
            compared_at = item["summary"].get("comparedAt") or ""
            if item["reconcileAt"] > first and compared_at < str(requested_at):
                yield item

    def lease(self, due: Due, now: datetime) -> Due | None:
        """Lease a company, so that only one run compares it; return it with its new due time.

        None if another run holds the lease, or if the company was erased.
        """
        if not is_not_erased(self._table, due.company_id):
            return None
        at = format_timestamp(now + LEASE)
        try:
            self._table.update(reconciliation_key(due.company_id), {"reconcileAt": at}, {"reconcileAt": due.at})
        except ConditionFailedError:
            return None
        return Due(due.company_id, at, due.is_quiet)

    # ------------------------------------------------------------ state of a company

    def load(self, company_id: str) -> Reconciliation:
        """Load a company's reconciliation state, read consistently."""
        found = self._table.get([reconciliation_key(company_id)])
        return read(company_id, found[0]) if found else Reconciliation(company_id)

    def load_summaries(self, company_id: str) -> dict[str, SyncSummary]:
        """Load the summaries of all syncs of a company, by id; eventually consistent."""
        items = self._table.query_until(company_partition(company_id), _LAST)
        summaries = (_summary(item["summary"]) for item in items if item["sk"] == SYNC and "summary" in item)
        return {each.sync_id: each for each in summaries}

    def load_known(self, sync_ids: Iterable[str]) -> dict[str, KnownSync]:
        """Load the syncs that have a record, by id, read consistently and without items."""
        found = self._table.get(map(sync_key, sync_ids), _HEAD)
        return {each.sync_id: each for each in map(_known, found)}

    def load_company(self, company_id: str) -> tuple[bool, int | None]:
        """Return whether a company is known to be deleted, and its record's version; None if it has no record."""
        record = next(iter(self._table.get([company_key(company_id)], ["version", "isDeleted"])), {})
        return bool(record.get("isDeleted")), int(record["version"]) if "version" in record else None

    def is_company_stale(self, company_id: str, now: datetime) -> bool:
        """Return whether a company's record has to be fetched again, or for the first time, and no check is pending."""
        record = next(iter(self._table.get([company_key(company_id)], _COMPANY_HEAD)), {})
        if record.get("isDeleted") or is_erased(record) or record.get("dueAt"):
            return False
        return not is_listed(record) or is_stale(parse_timestamp(record.get("fetchedAt")), now)

    def load_agreed(self, company_id: str) -> dict[str, str]:
        """Load the accepted differences by sync: its status matches the table, though Codat's list does not."""
        found = self._table.get([accepted_differences_key(company_id)])
        return dict(found[0].get("agreed", {})) if found else {}

    def put_agreed(self, company_id: str, agreed: Mapping[str, str]) -> None:
        """Store what ``load_agreed`` returns."""
        self._table.update(accepted_differences_key(company_id), {"v": STATE_VERSION, "agreed": dict(agreed)}, {})

    # ------------------------------------------------------------ result of a comparison

    def put(self, state: Reconciliation, leased: Due, next_at: datetime | None, now: datetime) -> bool:
        """Store a company's state if the lease is still held; return whether it was.

        The company is due again at ``next_at``; None: never.
        """
        changes = write(state, is_quiet=state.is_quiet(now)) | reconcile_index_keys(format_optional_timestamp(next_at))
        try:
            self._table.update(reconciliation_key(state.company_id), changes, {"reconcileAt": leased.at})
        except ConditionFailedError:
            return False
        return True


def write(state: Reconciliation, *, is_quiet: bool) -> Attributes:
    """Return the attributes of a company's item; a value of None removes the attribute."""
    summary = {
        "companyId": state.company_id,
        "begunAt": format_optional_timestamp(state.begun_at),
        "comparedAt": format_optional_timestamp(state.compared_at),
        "completeAsOf": format_optional_timestamp(state.complete_as_of),
        "listed": state.listed,
        "reasons": state.reasons,
        "omitted": state.omitted,
        "omittedBefore": format_optional_timestamp(state.omitted_before),
        "missing": state.missing,
        "lastMissedAt": format_optional_timestamp(state.last_missed_at),
        "latestAt": format_optional_timestamp(state.latest_at),
        "stalledRuns": state.stalled_runs,
        "problem": state.problem,
        "isQuiet": is_quiet,
    }
    unresolved = {
        sync_id: [
            each.why.value,
            format_optional_timestamp(each.complete_before),
            format_optional_timestamp(each.enqueued_at),
        ]
        for sync_id, each in state.unresolved.items()
    }
    return {"v": STATE_VERSION, "summary": summary, "unresolved": unresolved}


def read(company_id: str, values: Mapping[str, Any]) -> Reconciliation:
    """Read a company's reconciliation state from its item or its summary."""
    summary = values.get("summary", values)
    return Reconciliation(
        company_id=company_id,
        begun_at=parse_timestamp(summary.get("begunAt")),
        compared_at=parse_timestamp(summary.get("comparedAt")),
        complete_as_of=parse_timestamp(summary.get("completeAsOf")),
        listed=int(summary.get("listed", 0)),
        unresolved={
            sync_id: UnresolvedSync(
                parse_enum(Discrepancy, why, Discrepancy.PENDING), parse_timestamp(before), parse_timestamp(enqueued_at)
            )
            for sync_id, (why, before, enqueued_at) in values.get("unresolved", {}).items()
        },
        omitted=int(summary.get("omitted", 0)),
        omitted_before=parse_timestamp(summary.get("omittedBefore")),
        missing=int(summary.get("missing", 0)),
        last_missed_at=parse_timestamp(summary.get("lastMissedAt")),
        latest_at=parse_timestamp(summary.get("latestAt")),
        stalled_runs=int(summary.get("stalledRuns", 0)),
        problem=summary.get("problem"),
    )


def _summary(summary: Mapping[str, Any]) -> SyncSummary:
    code = summary.get("code")
    return SyncSummary(
        sync_id=summary["syncId"],
        code=None if code is None else int(code),
        synced_at=summary.get("syncUtc"),
        # An outcome written by a later version counts as open, so its record is read.
        outcome=parse_enum(Outcome, summary["outcome"], Outcome.IN_PROGRESS),
        check_failure=summary.get("checkFailure"),
    )


def _known(values: Attributes) -> KnownSync:
    is_fetched = "digest" in values
    return KnownSync(
        company_id=values.get("companyId"),
        sync_id=values["syncId"],
        version=int(values["version"]),
        code=int(values["code"]) if is_fetched else None,
        synced_at=values.get("syncUtc"),
        outcome=parse_enum(Outcome, values["summary"]["outcome"], Outcome.UNKNOWN),
        pending_check=read_pending_check(values),
        first_seen_at=parse_timestamp(values.get("firstSeenAt")),
    )
