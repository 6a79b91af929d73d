"""Compare a company's syncs in Codat with the table, and enqueue checks for the differences.

This module writes only the completeness. Records are written by the worker alone: a missing sync is enqueued as a check
of the version that was read (0: no record). The worker skips it if the record has changed since, so concurrent
webhooks, comparisons and duplicate messages cause no extra work.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING

from codat_sync.core.errors import CodatNotFoundError
from codat_sync.core.timestamps import format_optional_timestamp
from codat_sync.messaging.messages import CheckMessage
from codat_sync.reconciliation.company_state import (
    LEASE,
    MAX_UNRESOLVED,
    REQUEUE_AFTER,
    Cadence,
    Reconciliation,
    UnresolvedSync,
)
from codat_sync.reconciliation.comparison import Discrepancy, KnownSync, SyncSummary, find_discrepancy, latest_sync_time
from codat_sync.syncs.status_codes import status_code
from codat_sync.syncs.sync import SyncStatus

if TYPE_CHECKING:
    from codat_sync.codat.directory_client import CodatDirectoryClient
    from codat_sync.messaging.queues import SyncQueue
    from codat_sync.rate_limits.daily_budget import DailyBudget
    from codat_sync.reconciliation.repository import Due, ReconciliationRepository

# Quota used per check: one call for the status, one for a page of transactions.
CALLS_PER_CHECK = 2
# Maximum queue depth up to which checks are enqueued, as for the clock.
MAX_QUEUED = 500
# Maximum number of syncs per comparison for which a difference from Codat's list is confirmed with another call.
_MAX_CONFIRMED = 20
_MAX_AGREED = 2_000
_UNKNOWN = "Codat does not know the company"


@dataclass(frozen=True, slots=True)
class ComparisonResult:
    """Result of a comparison. ``lost`` are syncs that have ended and whose webhook never arrived.

    ``is_superseded`` means that another run has leased the company since: the result was not stored.
    """

    state: Reconciliation
    enqueued: int = 0
    new: Mapping[Discrepancy, int] | None = None
    lost: tuple[str, ...] = ()
    is_superseded: bool = False


@dataclass(frozen=True, slots=True)
class _Listed:
    """Syncs that Codat listed and that differ, the time of that request, and the matching records."""

    at: datetime
    listed: Mapping[str, SyncStatus]
    stored: Mapping[str, KnownSync]
    has_open: bool


@dataclass(frozen=True)
class Reconciler:
    """Compare companies with Codat."""

    codat: "CodatDirectoryClient"
    store: "ReconciliationRepository"
    queue: "SyncQueue"
    budget: "DailyBudget"
    cadence: Cadence
    now: Callable[[], datetime]

    def compare(self, due: "Due", began_at: datetime, correlation_id: str) -> ComparisonResult:
        """Compare a leased company, enqueue the necessary checks, and store its state.

        Syncs that ended before ``began_at``, when this deployment began, are history: no webhook was expected.
        Raises CodatError, DailyBudgetExhaustedError, RateLimitExceededError, SecretUnavailableError,
        QueueUnavailableError and whatever DynamoDB raises; the company is due again when its lease expires.
        """
        before = self.store.load(due.company_id)
        at = self.now()
        listed = self._list_syncs(due.company_id)
        if listed is None:
            return self._handle_unknown(before, due, correlation_id)
        listing = self._compare_with_table(due.company_id, at, listed)
        found = before.found(self._find_discrepancies(due.company_id, listing), at)
        sent = self._enqueue(due.company_id, found, listing, correlation_id)
        found |= {sync_id: replace(found[sync_id], enqueued_at=at) for sync_id in sent}
        new = [sync_id for sync_id in found if before.is_new(sync_id)]
        lost = tuple(sync_id for sync_id in new if _is_webhook_missed(found[sync_id], listed.get(sync_id), began_at))
        after = before.after(at, len(listed), found, latest_sync_time(listed.values()))
        if lost:
            after = replace(after, missing=before.missing + len(lost), last_missed_at=at)
        now = self.now()
        next_at = self.cadence.next_at(after, now, has_open=listing.has_open)
        is_ours = self.store.put(after, due, next_at, now)
        if not found:  # Otherwise the worker does that with the company's syncs.
            self._refresh_company(due.company_id, now, correlation_id)
        return ComparisonResult(after, len(sent), _count_by_discrepancy(found, new), lost, is_superseded=not is_ours)

    def record_failure(self, due: "Due", problem: str, *, is_transient: bool = False) -> None:
        """Record a comparison that failed for a reason specific to the company, and postpone the next one.

        The delay doubles with each failure: from an hour up to ``idle_interval``, or from 5 minutes up to an hour if
        the failure ``is_transient``.
        """
        now = self.now()
        before = self.store.load(due.company_id)
        first, most = (LEASE, REQUEUE_AFTER) if is_transient else (REQUEUE_AFTER, self.cadence.idle_interval)
        delay = min(first * (1 << min(before.stalled_runs, 10)), most)
        self.store.put(replace(before, problem=problem, stalled_runs=before.stalled_runs + 1), due, now + delay, now)

    def _list_syncs(self, company_id: str) -> dict[str, SyncStatus] | None:
        """Return all syncs that Codat lists; empty if the company has none; None if Codat does not know the company."""
        try:
            return {each.sync_id: each for each in self.codat.list_sync_statuses(company_id)}
        except CodatNotFoundError:
            return {} if self.codat.has_company(company_id) else None

    def _handle_unknown(self, before: Reconciliation, due: "Due", correlation_id: str) -> ComparisonResult:
        """Stop reconciling a deleted company. Have the worker refresh one not known to be deleted, and wait an hour."""
        now = self.now()
        is_deleted, version = self.store.load_company(due.company_id)
        if not is_deleted:
            self.queue.send(_check(due.company_id, None, version, correlation_id))
        after = replace(before, problem=_UNKNOWN, stalled_runs=before.stalled_runs + 1)
        is_ours = self.store.put(after, due, None if is_deleted else now + REQUEUE_AFTER, now)
        return ComparisonResult(after, is_superseded=not is_ours)

    def _refresh_company(self, company_id: str, now: datetime, correlation_id: str) -> None:
        """Have the worker fetch a company's name and connection that were not fetched for a week, if there is room."""
        if not self.store.is_company_stale(company_id, now) or self.queue.depth() >= MAX_QUEUED:
            return
        if self.budget.reserve(CALLS_PER_CHECK) == CALLS_PER_CHECK:
            self.queue.send(_check(company_id, None, None, correlation_id))

    # ------------------------------------------------------------ find discrepancies

    def _compare_with_table(self, company_id: str, at: datetime, listed: Mapping[str, SyncStatus]) -> _Listed:
        """Find the records that may differ by the company index, and read those consistently."""
        summaries = self.store.load_summaries(company_id)
        differing = {
            sync_id for sync_id in listed.keys() | summaries.keys() if not _is_settled(sync_id, summaries, listed)
        }
        stored = self.store.load_known(sorted(differing))
        has_open = any(not status_code(each.code).is_final for each in listed.values())
        return _Listed(at, {sync_id: listed[sync_id] for sync_id in listed if sync_id in differing}, stored, has_open)

    def _find_discrepancies(self, company_id: str, listing: _Listed) -> dict[str, Discrepancy]:
        """Return the discrepancies by sync, newest first."""
        now = self.now()
        sync_ids = sorted(listing.listed.keys() | listing.stored.keys(), key=lambda each: _recency(each, listing))
        compared = {
            each: find_discrepancy(listing.listed.get(each), listing.stored.get(each), now) for each in sync_ids
        }
        found = {sync_id: why for sync_id, why in compared.items() if why}
        return self._confirm_stale(company_id, found, listing)

    def _confirm_stale(
        self, company_id: str, found: dict[str, Discrepancy], listing: _Listed
    ) -> dict[str, Discrepancy]:
        """Remove from ``found`` the syncs that are stale by Codat's list only, but not by the sync's own status.

        Accepted differences are stored: otherwise an incorrect list would cause the same calls on every run.
        """
        stale = [
            each for each, why in found.items() if why is Discrepancy.STALE and listing.stored[each].code is not None
        ]
        if not stale:
            return found
        agreed = self.store.load_agreed(company_id)
        fingerprints = {each: _fingerprint(listing.listed[each], listing.stored[each]) for each in stale}
        unconfirmed = [each for each in stale if agreed.get(each) != fingerprints[each]]
        confirmed = {each for each in unconfirmed[:_MAX_CONFIRMED] if self._is_stale(company_id, listing.stored[each])}
        new = {each: fingerprints[each] for each in unconfirmed[:_MAX_CONFIRMED] if each not in confirmed}
        if new:
            self.store.put_agreed(company_id, dict(islice((new | agreed).items(), _MAX_AGREED)))
        # Those beyond the limit are kept as pending, without an action, until a later comparison confirms them.
        postponed = dict.fromkeys(unconfirmed[_MAX_CONFIRMED:], Discrepancy.PENDING)
        return {each: why for each, why in found.items() if each not in stale or each in confirmed} | postponed

    def _is_stale(self, company_id: str, stored: KnownSync) -> bool:
        try:
            status = self.codat.get_sync_status(company_id, stored.sync_id)
        except CodatNotFoundError:
            return True
        answered = (status.company_id, status.code, format_optional_timestamp(status.synced_at))
        return (stored.company_id or company_id, stored.code, stored.synced_at) != answered

    # ------------------------------------------------------------ enqueue checks

    def _enqueue(
        self, company_id: str, found: Mapping[str, UnresolvedSync], listing: _Listed, correlation_id: str
    ) -> list[str]:
        """Enqueue checks as far as queue depth and daily budget allow; return the ids of the enqueued syncs."""
        due = [sync_id for sync_id, each in found.items() if each.is_enqueue_due(listing.at)][:MAX_UNRESOLVED]
        if not due:
            return []
        room = min(len(due), max(0, MAX_QUEUED - self.queue.depth()))
        sent = due[: self.budget.reserve(room * CALLS_PER_CHECK) // CALLS_PER_CHECK]
        versions = {sync_id: stored.version for sync_id, stored in listing.stored.items()}
        messages = [_check(company_id, sync_id, versions.get(sync_id, 0), correlation_id) for sync_id in sent]
        # If the queue accepted only some, it is not known which: all of them are enqueued again.
        return sent if self.queue.send_all(messages) == len(messages) else []


def _check(company_id: str, sync_id: str | None, version: int | None, correlation_id: str) -> CheckMessage:
    return {
        "v": 1,
        "kind": "check",
        "companyId": company_id,
        "syncId": sync_id,
        "partRunId": None,
        "version": version,
        "correlationId": correlation_id,
    }


def _is_settled(sync_id: str, summaries: Mapping[str, SyncSummary], listed: Mapping[str, SyncStatus]) -> bool:
    return sync_id in summaries and summaries[sync_id].is_settled(listed.get(sync_id))


def _recency(sync_id: str, listing: _Listed) -> float:
    listed = listing.listed.get(sync_id)
    return -listed.synced_at.timestamp() if listed and listed.synced_at else 0.0


def _fingerprint(listed: SyncStatus, stored: KnownSync) -> str:
    return f"{stored.version} {listed.code} {format_optional_timestamp(listed.synced_at)}"


def _is_webhook_missed(found: UnresolvedSync, listed: SyncStatus | None, began_at: datetime) -> bool:
    """Return whether a webhook is missed: one is expected only for a final sync that ended after ``began_at``."""
    if found.why is not Discrepancy.MISSING or listed is None or not status_code(listed.code).is_final:
        return False
    return listed.synced_at is None or listed.synced_at >= began_at


def _count_by_discrepancy(found: Mapping[str, UnresolvedSync], sync_ids: Iterable[str]) -> dict[Discrepancy, int]:
    counted: dict[Discrepancy, int] = {}
    for sync_id in sync_ids:
        counted[found[sync_id].why] = counted.get(found[sync_id].why, 0) + 1
    return counted
