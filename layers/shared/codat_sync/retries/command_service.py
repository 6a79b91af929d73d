"""Execute retry commands: retry a sync's failed transactions, and record and log the state of the retry."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from codat_sync.audit.entry import Action, AuditEntry, list_ids
from codat_sync.aws.observability import count, logger
from codat_sync.core.errors import CompanyErasedError
from codat_sync.retries.not_failed import NothingFailed, explain_sync, explain_transaction
from codat_sync.retries.service import RetryResult, categorize_retry_syncs, summarize
from codat_sync.syncs.retry_record import Retry, RetryState

if TYPE_CHECKING:
    from codat_sync.audit.repository import AuditRepository
    from codat_sync.retries.requests import RetryCommand
    from codat_sync.retries.service import RetryService
    from codat_sync.retries.transaction_history import TransactionHistories
    from codat_sync.syncs.repository import SyncRepository
    from codat_sync.syncs.retry_repository import RetryRepository

_LONGER_THAN_AN_INVOCATION = timedelta(minutes=15)
# A sync that had failed can be in progress again, at Codat. The worker makes its retry due if it fails once more.
_CHECK_UNENDED_AFTER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class RetryReport:
    """The result for each failed transaction of a sync, and the state of its retry after it.

    Transactions that were named although they have not failed are included. ``message`` says why there was nothing to
    retry; None if something had failed.
    """

    sync_id: str
    results: Sequence[RetryResult]
    retry: "Retry"
    message: str | None = None


@dataclass(frozen=True)
class RetryCommandService:
    """Execute retry commands. ``is_not_erased`` returns whether a company's data may be written, by its id."""

    retry_service: "RetryService"
    store: "SyncRepository"
    retries: "RetryRepository"
    histories: "TransactionHistories"
    audit: "AuditRepository"
    is_not_erased: Callable[[str], bool]
    now: Callable[[], datetime]

    def execute(self, command: "RetryCommand") -> RetryReport | None:
        """Retry, and record the result; returns None if the sync does not exist. Raises what DynamoDB raises.

        The audit says who asked before anything is sent, and then what came of it.
        """
        root_id = self._root_sync_id(command.sync_id)
        sync = self.store.load_snapshot("", root_id, []).values
        # A company that is being erased still has records, but nothing may be written to them.
        if not sync or not self.is_not_erased(sync["companyId"]):
            return None
        entry = self._audit_entry(command, sync["companyId"])
        if entry:
            self.audit.record(entry)
        report = self._execute(command, root_id, sync["companyId"])
        if entry and report:
            self.audit.record(entry.with_details(**_outcome_details(report)))
        return report

    def _execute(self, command: "RetryCommand", root_id: str, company_id: str) -> RetryReport | None:
        if nothing := self._report_unaffected(command, root_id):
            return nothing
        # Before the plan's data is read, so that a crash is followed by another attempt.
        previous = self.retries.ensure_due(company_id, root_id, self.now() + _LONGER_THAN_AN_INVOCATION)
        # The expenses of a dismissed sync may have been entered by hand: only a user has them sent again.
        is_held = previous is not None and previous.is_dismissed and not command.is_manual
        selected = frozenset[str]() if is_held else self._selected_ids(command, root_id)
        try:
            results = self.retry_service.retry(root_id, selected, command.correlation_id, is_manual=command.is_manual)
        except CompanyErasedError:
            return None
        if results is None:
            return None
        retry = self._record(company_id, root_id, previous, results, is_held=is_held)
        if root_id != command.sync_id and self.retries.load(command.sync_id):
            self.retries.clear_due(command.sync_id)
        report = RetryReport(root_id, results, retry)
        _log_report(report, company_id, command.correlation_id)
        return self._explain_not_failed(report, command, selected)

    def _audit_entry(self, command: "RetryCommand", company_id: str) -> AuditEntry | None:
        """Return the audit entry of a command by a user; None for an automatic retry."""
        if command.by is None:
            return None
        named = command.transaction_ids
        details = {"transactions": "all that failed" if named is None else list_ids(named) or "none"}
        return AuditEntry(self.now(), command.by, Action.RETRY, command.sync_id, company_id, details)

    def _report_unaffected(self, command: "RetryCommand", root_id: str) -> RetryReport | None:
        """Return a report without a change if only transactions are named that have not failed, and others have."""
        named = command.transaction_ids
        failed = self.histories.load_failed(root_id) if named else None
        if not named or failed is None or not failed.transaction_ids or not named.isdisjoint(failed.transaction_ids):
            return None
        stored = self.retries.load(root_id)
        retry = Retry(RetryState.NOT_FAILED, stored.sync_ids if stored else (), {}, None)
        results = self._explain_transactions(command.sync_id, named)
        return RetryReport(root_id, results, retry, "None of the named transactions has failed.")

    def _record(
        self,
        company_id: str,
        root_id: str,
        previous: "Retry | None",
        results: "Sequence[RetryResult]",
        *,
        is_held: bool,
    ) -> "Retry":
        """Store and return the state of a sync's retry. A sync in which nothing has failed gets none.

        A retry that ``is_held`` has no due time: the end of a sync, or a decision, makes it due again.
        """
        if results:
            retry = summarize(previous, results, self.now())
            retry = replace(retry, due_at=None) if is_held else retry
        else:
            state = self._explain_sync(root_id).state
            due_at = self.now() + _CHECK_UNENDED_AFTER if state is RetryState.SCHEDULED else None
            retry = Retry(state, previous.sync_ids if previous else (), {}, due_at, retriable=0)
        if results or previous:
            self.retries.put(company_id, root_id, retry, previous, categorize_retry_syncs(results))
        return retry

    def _explain_not_failed(
        self, report: RetryReport, command: "RetryCommand", selected: Collection[str] | None
    ) -> RetryReport:
        """Report that the named transactions, or the whole sync, have not failed."""
        planned, named = {each.transaction_id for each in report.results}, command.transaction_ids
        others = (named or frozenset()) - planned
        # Of a sync that is itself a retry, what failed in the first sync is no answer.
        has_failed = planned if selected is None or named is not None else planned & set(selected)
        if has_failed and not others:
            return report
        explained = self._explain_transactions(command.sync_id, others)
        if has_failed:
            return replace(report, results=[*report.results, *explained])
        nothing = self._explain_sync(command.sync_id)
        retry = Retry(nothing.reported_state, report.retry.sync_ids, {}, None)
        return RetryReport(command.sync_id, explained, retry, nothing.message)

    def _explain_transactions(self, sync_id: str, transaction_ids: Collection[str]) -> list[RetryResult]:
        """Return why these transactions are not retried, sorted by id."""
        _, items = self.histories.new_cache().load(sync_id)
        return [RetryResult(each, explain_transaction(items.get(each, ()))) for each in sorted(transaction_ids)]

    def _explain_sync(self, sync_id: str) -> NothingFailed:
        record, _ = self.histories.new_cache().load(sync_id)
        if record is None:
            return NothingFailed(RetryState.STOPPED, "Nothing to retry: the sync was erased meanwhile.")
        return explain_sync(record)

    def _root_sync_id(self, sync_id: str) -> str:
        """Return the sync that ``sync_id`` is a retry of, or itself: repeated failures are recorded at the first."""
        root = self.store.load_snapshot("", sync_id, []).values.get("retryOf")
        return str(root) if root else sync_id

    def _selected_ids(self, command: "RetryCommand", root_id: str) -> Collection[str] | None:
        """Return the transactions to resubmit, None for all; for a sync that is itself a retry, only its own."""
        if command.transaction_ids is not None or command.sync_id == root_id:
            return command.transaction_ids
        failed = self.histories.load_failed(command.sync_id)
        return failed.transaction_ids if failed else ()


def _outcome_details(report: RetryReport) -> dict[str, str]:
    """Return the result of a retry, for the audit."""
    created = {each.sync_id for each in report.results if each.sync_id}
    resubmitted = sum(each.sync_id is not None for each in report.results)
    return {
        "resubmitted": f"{resubmitted} of {len(report.results)}",
        "retrySyncIds": list_ids(created),
        "state": report.retry.state,
        "result": report.message or "",
    }


def _log_report(report: RetryReport, company_id: str, correlation_id: str) -> None:
    for each in report.results:
        count("Retries", "step", each.plan.step)
    logger.info(
        "retry planned",
        sync_id=report.sync_id,
        company_id=company_id,
        state=report.retry.state,
        steps=dict(report.retry.steps),
        retry_sync_ids=sorted({each.sync_id for each in report.results if each.sync_id}),
        correlation_id=correlation_id,
    )
