"""Run bulk retries: select their syncs, retry one at a time, stop.

A bulk retry is durable. Its record is written first, and is due until all its syncs have an entry; an entry is due
until it is settled. The clock enqueues what is due, again after a crash. While the gate is closed, it enqueues nothing,
so a bulk retry waits.

Why a bulk retry can't write an expense twice: each sync is retried by ``RetryCommandService``, which plans every
transaction anew, claims it before sending it, and never sends one that is claimed, in flight or written. So a message
that is delivered twice, an attempt after a crash, and two bulk retries of the same items write each expense at most
once.
"""

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from codat_sync.audit.entry import Action, AuditEntry
from codat_sync.aws.observability import count, logger
from codat_sync.bulk_retries.bulk_retry import MAX_ATTEMPTS, BulkRetry, Entry, EntryState, skip
from codat_sync.core.errors import CompanyErasedError
from codat_sync.polling.due_items import LEASE
from codat_sync.retries.requests import BulkRetryStep, RetryCommand

if TYPE_CHECKING:
    from codat_sync.audit.repository import AuditRepository
    from codat_sync.bulk_retries.repository import BulkRetryRepository
    from codat_sync.bulk_retries.selection import FailureSelection
    from codat_sync.queries.sync_query import ListedSync
    from codat_sync.retries.command_service import RetryReport
    from codat_sync.retries.transaction_history import TransactionHistories
    from codat_sync.submissions.repository import SubmissionRepository

# Maximum number of syncs of a bulk retry; the others need another one.
MAX_SYNCS = 5_000
# Each reads for up to 18 s. The rest is selected when the bulk retry is due again.
_MAX_WALKS = 3


@dataclass(frozen=True)
class BulkRetryService:
    """Run bulk retries. ``execute`` retries a sync; ``is_not_erased`` says whether a company's data may be written."""

    bulk_retries: "BulkRetryRepository"
    selection: "FailureSelection"
    histories: "TransactionHistories"
    submissions: "SubmissionRepository"
    execute: "Callable[[RetryCommand], RetryReport | None]"
    audit: "AuditRepository"
    is_not_erased: Callable[[str], bool]
    now: Callable[[], datetime]

    def start(self, bulk_retry: BulkRetry) -> None:
        """Store a bulk retry and select its syncs. Do nothing if it is stored already, or its company is erased.

        Raises what DynamoDB raises.
        """
        company_id = bulk_retry.filter.company_id
        if company_id is not None and not self.is_not_erased(company_id):
            return
        # A request that is repeated, as by a double click, has the same id.
        if self.bulk_retries.load(bulk_retry.bulk_retry_id):
            return
        self._record(Action.BULK_RETRY, bulk_retry, bulk_retry.requested_by)
        # Selecting starts after the lease if this invocation crashes.
        if not self.bulk_retries.create(bulk_retry, self.now() + LEASE):
            return
        logger.info("bulk retry started", bulk_retry_id=bulk_retry.bulk_retry_id, requested_by=bulk_retry.requested_by)
        self._select(bulk_retry)

    def stop(self, bulk_retry_id: str, by: str) -> None:
        """Stop a bulk retry, if it exists: syncs that are not being retried yet are skipped.

        Raises what DynamoDB raises.
        """
        stored = self.bulk_retries.load(bulk_retry_id)
        if stored is None:
            return
        self._record(Action.STOP_BULK_RETRY, stored, by)
        self.bulk_retries.stop(bulk_retry_id, by, self.now())
        logger.info("bulk retry stopped", bulk_retry_id=bulk_retry_id, requested_by=by)

    def run(self, step: BulkRetryStep) -> None:
        """Continue a bulk retry that is due, if it still exists. Raises what DynamoDB raises."""
        if step.sync_id is not None:
            self._retry_sync(step.bulk_retry_id, step.sync_id)
        elif bulk_retry := self.bulk_retries.load(step.bulk_retry_id):
            self._select(bulk_retry)

    def _record(self, action: Action, bulk_retry: BulkRetry, by: str) -> None:
        """Write the audit entry before the action. Each sync's retry has an entry of its own."""
        chosen = bulk_retry.filter
        details = {
            "bulkRetryId": bulk_retry.bulk_retry_id,
            "from": chosen.first.isoformat(),
            "to": chosen.last.isoformat(),
            "cause": chosen.cause_id or "",
            "codes": ", ".join(map(str, sorted(chosen.codes))),
        }
        self.audit.record(AuditEntry(self.now(), by, action, None, chosen.company_id, details))

    def _select(self, bulk_retry: BulkRetry) -> None:
        """Add an entry for each sync that matches, and save how far this got after each batch.

        A crash in between makes the next attempt select a batch again, whose entries are kept as they are.
        """
        selected = len(self.bulk_retries.load_entries(bulk_retry.bulk_retry_id))
        for _ in range(_MAX_WALKS):
            for found in self.selection.syncs(bulk_retry.filter.query, bulk_retry.cursor):
                stored = self.bulk_retries.load(bulk_retry.bulk_retry_id)
                if stored is None or stored.stopped_at:
                    self.bulk_retries.save_selection(stored or bulk_retry)
                    return
                syncs = self._not_erased(found.syncs)[: MAX_SYNCS - selected]
                self.bulk_retries.add_entries(bulk_retry, syncs, selected, self.now())
                selected += len(syncs)
                bulk_retry = _advance(bulk_retry, found.cursor, is_full=selected >= MAX_SYNCS)
                self.bulk_retries.save_selection(bulk_retry)
                if bulk_retry.is_selected:
                    return

    def _not_erased(self, syncs: "Collection[ListedSync]") -> "list[ListedSync]":
        writable = {each: self.is_not_erased(each) for each in {sync.company_id for sync in syncs}}
        return [sync for sync in syncs if writable[sync.company_id]]

    def _retry_sync(self, bulk_retry_id: str, sync_id: str) -> None:
        found = self.bulk_retries.load_entry(bulk_retry_id, sync_id)
        if found is None or found[1].is_settled:
            return  # Erased meanwhile, or the message was delivered twice.
        bulk_retry, entry = found
        if bulk_retry.stopped_at:
            settled = skip(entry)
        elif entry.attempts >= MAX_ATTEMPTS:
            settled = replace(entry, state=EntryState.FAILED)
            logger.error("sync of a bulk retry given up", bulk_retry_id=bulk_retry_id, sync_id=sync_id)
        elif self.bulk_retries.begin(bulk_retry_id, entry, self.now()):
            settled = self._retry(bulk_retry, replace(entry, started_at=entry.started_at or self.now()))
        else:
            return  # Another attempt has just begun.
        count("BulkRetriedSyncs", "state", settled.state)
        self.bulk_retries.settle(bulk_retry_id, settled)

    def _retry(self, bulk_retry: BulkRetry, entry: Entry) -> Entry:
        """Retry the transactions of a sync that match now. Can't write twice: see above."""
        records = self.histories.new_cache()
        ids = frozenset(self.selection.transaction_ids(bulk_retry.filter.query, entry.sync_id, records))
        settled = replace(entry, state=EntryState.RETRIED)
        if not ids or self.selection.is_dismissed(entry.sync_id):
            return settled
        try:
            # A transaction that failed in several syncs is resubmitted once, as planned, even if that fails meanwhile.
            wanted = ids - self._tried_since(entry.company_id, ids, bulk_retry.requested_at)
        except CompanyErasedError:
            return settled
        # Manual, because a user requested it: it overrides delays and corrections, but no safety rule.
        correlation_id = f"bulk-retry-{bulk_retry.bulk_retry_id}"
        by = bulk_retry.requested_by
        report = self.execute(RetryCommand(entry.sync_id, wanted, is_manual=True, correlation_id=correlation_id, by=by))
        if report is None:
            return settled
        resubmitted = {each.transaction_id for each in report.results if each.sync_id} & ids
        if entry.attempts:
            # An earlier attempt crashed: the transactions that it resubmitted count, too.
            resubmitted |= self._resubmitted_since(entry, report.sync_id, ids)
        others = (each for each in report.results if each.transaction_id in ids - resubmitted)
        steps = Counter(each.plan.step.value for each in others)
        return replace(settled, resubmitted=len(resubmitted), steps=dict(steps))

    def _tried_since(self, company_id: str, ids: Collection[str], at: datetime) -> set[str]:
        """Return the transactions whose last submission is a retry since a time that Codat accepted or rejected."""
        claims = self.submissions.load_claims(company_id, sorted(ids))
        return {
            transaction_id
            for transaction_id, last in claims.items()
            if last and last.retry_of and last.recorded_at >= at and (last.sync_id or last.is_content_rejected)
        }

    def _resubmitted_since(self, entry: Entry, root_id: str, ids: Collection[str]) -> set[str]:
        """Return the transactions that were resubmitted, as retries of a sync, since an entry's first attempt."""
        histories = self.histories.load(entry.company_id, ids)
        return {
            transaction_id
            for transaction_id, history in histories.items()
            for each, _ in history.submissions
            if each.retry_of == root_id and each.sync_id and entry.started_at and each.recorded_at >= entry.started_at
        }


def _advance(bulk_retry: BulkRetry, cursor: str | None, *, is_full: bool) -> BulkRetry:
    """Return a bulk retry whose syncs are selected up to a position; None: all of them."""
    return replace(
        bulk_retry,
        cursor=cursor or bulk_retry.cursor,
        is_selected=is_full or cursor is None,
        is_truncated=is_full and cursor is not None,
    )
