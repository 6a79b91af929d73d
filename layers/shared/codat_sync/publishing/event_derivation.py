"""Derive events from the difference between two versions of an item. Rules only.

A version is compared only with the one that it replaced. So events that are derived again from
the same two versions have the same ids.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from codat_sync.companies.company import Company
from codat_sync.core.timestamps import format_timestamp
from codat_sync.polling.schedule import PollingAlert, detect_alert
from codat_sync.publishing.changes import ItemVersion, SyncVersion
from codat_sync.publishing.events import (
    ActionRequiredEvent,
    BillingExpired,
    BodyMissing,
    CompanyDeleted,
    ConnectionEvent,
    ConnectionLost,
    ConnectionRestored,
    CorrectionRequired,
    DomainEvent,
    OutcomeUnknown,
    PartiallyWritten,
    RetryExhausted,
    RetryResolved,
    RetrySubmitted,
    SubmissionEvent,
    SubmissionOutcomeKnown,
    SubmissionOutcomeUnknown,
    SyncAbandoned,
    SyncEvent,
    SyncFailed,
    SyncMissing,
    SyncStatusUnknown,
    SyncStuck,
    SyncSucceeded,
    TransactionCompleted,
    TransactionEvent,
    TransactionFailed,
    UnfinishedSyncEvent,
)
from codat_sync.submissions.submission import Submission
from codat_sync.syncs.items import COMPLETED, Item
from codat_sync.syncs.retry_record import MAX_LISTED_IDS, Retry, RetryState, Step
from codat_sync.syncs.status_codes import Outcome

_OUTCOME_EVENTS: Final[Mapping[Outcome, type[SyncEvent]]] = {
    Outcome.SUCCEEDED: SyncSucceeded,
    Outcome.FAILED: SyncFailed,
    Outcome.UNKNOWN: SyncStatusUnknown,
}
_ALERT_EVENTS: Final[Mapping[PollingAlert, type[UnfinishedSyncEvent]]] = {
    PollingAlert.STUCK: SyncStuck,
    PollingAlert.MISSING: SyncMissing,
    PollingAlert.ABANDONED: SyncAbandoned,
}
_ACTION_REQUIRED_EVENTS: Final[Mapping[Step, type[ActionRequiredEvent]]] = {
    Step.NO_BODY_RECORDED: BodyMissing,
    Step.NEEDS_CORRECTION: CorrectionRequired,
    Step.NEEDS_BILLING: BillingExpired,
    Step.ATTEMPTS_EXHAUSTED: RetryExhausted,
    Step.OUTCOME_UNKNOWN: OutcomeUnknown,
    Step.PARTIALLY_WRITTEN: PartiallyWritten,
}
_LINKED = "linked"
_NEVER_LINKED = {"pendingauth"}

# Statuses by transaction id and integration type. Without messages, to save memory.
Statuses = Mapping[tuple[str, str | None], str | None]


def derive_sync_events(item_version: ItemVersion, old: SyncVersion | None, new: SyncVersion) -> Iterator[DomainEvent]:
    """Yield the events of a sync, without those of its transactions."""
    if new.retry_of and not (old and old.retry_of):
        ids = list(new.submitted_ids[:MAX_LISTED_IDS])
        yield item_version.event(RetrySubmitted, sync_id=new.sync_id, retry_of=new.retry_of, transaction_ids=ids)
    outcome_event = new.outcome and _OUTCOME_EVENTS.get(new.outcome)
    if outcome_event and not (old and (old.outcome, old.code, old.is_final) == (new.outcome, new.code, new.is_final)):
        yield item_version.event(
            outcome_event,
            sync_id=new.sync_id,
            retry_of=new.retry_of,
            code=new.code,
            is_final=new.is_final,
            synced_at=new.synced_at,
            transactions=new.transactions,
            failed=new.failed,
        )
    alert = detect_alert(old.pending_check if old else None, new.pending_check)
    if alert and new.pending_check:
        yield item_version.event(
            _ALERT_EVENTS[alert], sync_id=new.sync_id, since=format_timestamp(new.pending_check.since)
        )


def statuses(items: Iterable[Item]) -> Statuses:
    """Return the status of each of a record's items."""
    return {(item.transaction_id, item.integration_type): item.status for item in items if item.transaction_id}


def derive_transaction_events(
    item_version: ItemVersion, sync: SyncVersion, old: Statuses, new: Iterable[Item]
) -> Iterator[TransactionEvent]:
    """Yield the events of a sync's transactions. One without an id is only counted, in the sync's event."""
    for item in new:
        kind = _transaction_event_type(item)
        if kind is None or item.transaction_id is None:
            continue
        if old.get((item.transaction_id, item.integration_type)) != item.status:
            yield item_version.event(
                kind,
                *(item.transaction_id, item.integration_type),
                sync_id=sync.sync_id,
                retry_of=sync.retry_of,
                transaction_id=item.transaction_id,
                integration_type=item.integration_type,
                status=item.status,
            )


def derive_retry_events(
    item_version: ItemVersion, sync_id: str, old: Retry | None, new: Retry
) -> Iterator[DomainEvent]:
    """Yield the events about the retry of a sync's failed transactions."""
    if new.state is RetryState.RESOLVED and not (old and old.state is RetryState.RESOLVED):
        yield item_version.event(RetryResolved, sync_id=sync_id)
    for step, kind in _ACTION_REQUIRED_EVENTS.items():
        blocked_before = set(old.blocked.get(step, ())) if old else set()
        added = [each for each in new.blocked.get(step, ()) if each not in blocked_before]
        if added:
            yield item_version.event(
                kind, sync_id=sync_id, transaction_ids=added, count=new.steps.get(step, len(added))
            )


def derive_submission_events(
    item_version: ItemVersion, old: Submission | None, new: Submission
) -> Iterator[SubmissionEvent]:
    """Yield the events of a submission: its outcome is unknown for long, and is known after all."""
    ids = {"submission_id": new.submission_id, "transaction_ids": list(new.transaction_ids), "retry_of": new.retry_of}
    if new.reported_at and not (old and old.reported_at):
        yield item_version.event(SubmissionOutcomeUnknown, **ids, since=format_timestamp(new.began_at))
    if old and old.reported_at and old.is_in_flight and not new.is_in_flight:
        written = [each for each in new.transaction_ids if each in new.already_processed]
        yield item_version.event(SubmissionOutcomeKnown, **ids, sync_id=new.sync_id, written_ids=written)


def derive_company_events(item_version: ItemVersion, old: Company | None, new: Company) -> Iterator[ConnectionEvent]:
    """Yield the events of a company."""
    platform, status = new.target_platform, new.connection_status
    if new.is_deleted and not (old and old.is_deleted):
        yield item_version.event(CompanyDeleted, target_platform=platform, connection_status=status)
    kind = _connection_event_type(old, new)
    if kind:
        yield item_version.event(kind, target_platform=platform, connection_status=status)


def _transaction_event_type(item: Item) -> type[TransactionEvent] | None:
    if item.has_failed:
        return TransactionFailed
    return TransactionCompleted if item.status == COMPLETED else None


def _connection_event_type(old: Company | None, new: Company) -> type[ConnectionEvent] | None:
    if old is None:
        # For a new company, only a connection that must have been linked before counts as lost.
        is_lost = new.connection_status is not None and not _is_linked(new) and not _was_never_linked(new)
        return ConnectionLost if is_lost else None
    if _is_linked(old) == _is_linked(new):
        return None
    return ConnectionRestored if _is_linked(new) else ConnectionLost


def _is_linked(company: Company) -> bool:
    return (company.connection_status or "").lower() == _LINKED


def _was_never_linked(company: Company) -> bool:
    return (company.connection_status or "").lower() in _NEVER_LINKED
