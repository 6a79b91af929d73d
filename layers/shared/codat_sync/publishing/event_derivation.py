"""What has happened: the facts that follow from the difference between two versions of an item. Rules only.

A version is compared with the one that it took the place of, and with nothing else: so facts can be told again, by
whoever has the two, and have the same ids.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from codat_sync.companies.company import Company
from codat_sync.core.timestamps import format_instant
from codat_sync.polling.schedule import Report, report
from codat_sync.publishing.changes import SyncVersion, Told
from codat_sync.publishing.events import (
    BillingExpired,
    BodyMissing,
    CompanyDeleted,
    ConnectionFact,
    ConnectionLost,
    ConnectionRestored,
    CorrectionRequired,
    Fact,
    HeldFact,
    OutcomeUnknown,
    PartlyWritten,
    RetryExhausted,
    RetryResolved,
    RetrySubmitted,
    SyncAbandoned,
    SyncFact,
    SyncFailed,
    SyncMissing,
    SyncNotUnderstood,
    SyncStuck,
    SyncSucceeded,
    TransactionCompleted,
    TransactionFact,
    TransactionFailed,
    WaitingFact,
)
from codat_sync.retries.planner import Step
from codat_sync.syncs.items import COMPLETED, Item
from codat_sync.syncs.retry_record import MOST_NAMED, Retry, RetryState
from codat_sync.syncs.status_codes import Outcome

_ENDED: Final[Mapping[Outcome, type[SyncFact]]] = {
    Outcome.SUCCEEDED: SyncSucceeded,
    Outcome.FAILED: SyncFailed,
    Outcome.UNKNOWN: SyncNotUnderstood,
}
_REPORTED: Final[Mapping[Report, type[WaitingFact]]] = {
    Report.STUCK: SyncStuck,
    Report.MISSING: SyncMissing,
    Report.ABANDONED: SyncAbandoned,
}
_HELD: Final[Mapping[Step, type[HeldFact]]] = {
    Step.NO_BODY: BodyMissing,
    Step.MEND: CorrectionRequired,
    Step.BILLING: BillingExpired,
    Step.EXHAUSTED: RetryExhausted,
    Step.UNKNOWN: OutcomeUnknown,
    Step.PARTLY_WRITTEN: PartlyWritten,
}
_LINKED = "linked"
_NEVER_LINKED = {"pendingauth"}

# What an item was as which type, and its status: without messages, so that it is small.
Statuses = Mapping[tuple[str, str | None], str | None]


def sync_facts(told: Told, old: SyncVersion | None, new: SyncVersion) -> Iterator[Fact]:
    """Yield what has happened to a sync, its transactions apart."""
    if new.retry_of and not (old and old.retry_of):
        named = list(new.submitted_ids[:MOST_NAMED])
        yield told.fact(RetrySubmitted, sync_id=new.sync_id, retry_of=new.retry_of, transaction_ids=named)
    ended = new.outcome and _ENDED.get(new.outcome)
    if ended and not (old and (old.outcome, old.code, old.is_final) == (new.outcome, new.code, new.is_final)):
        yield told.fact(
            ended,
            sync_id=new.sync_id,
            retry_of=new.retry_of,
            code=new.code,
            is_final=new.is_final,
            synced_at=new.synced_at,
            transactions=new.transactions,
            failed=new.failed,
        )
    found = report(old.waiting if old else None, new.waiting)
    if found and new.waiting:
        yield told.fact(_REPORTED[found], sync_id=new.sync_id, since=format_instant(new.waiting.since))


def statuses(items: Iterable[Item]) -> Statuses:
    """Return how each of a document's items stood."""
    return {(item.transaction_id, item.integration_type): item.status for item in items if item.transaction_id}


def transaction_facts(told: Told, sync: SyncVersion, old: Statuses, new: Iterable[Item]) -> Iterator[TransactionFact]:
    """Yield what has happened to the transactions of a sync. One without an id is only counted, in the sync's fact."""
    for item in new:
        kind = _kind(item)
        if kind is None or item.transaction_id is None:
            continue
        if old.get((item.transaction_id, item.integration_type)) != item.status:
            yield told.fact(
                kind,
                *(item.transaction_id, item.integration_type),
                sync_id=sync.sync_id,
                retry_of=sync.retry_of,
                transaction_id=item.transaction_id,
                integration_type=item.integration_type,
                status=item.status,
            )


def retry_facts(told: Told, sync_id: str, old: Retry | None, new: Retry) -> Iterator[Fact]:
    """Yield what has happened to the failed transactions of a sync."""
    if new.state is RetryState.RESOLVED and not (old and old.state is RetryState.RESOLVED):
        yield told.fact(RetryResolved, sync_id=sync_id)
    for step, kind in _HELD.items():
        known = set(old.held.get(step, ())) if old else set()
        added = [each for each in new.held.get(step, ()) if each not in known]
        if added:
            yield told.fact(kind, sync_id=sync_id, transaction_ids=added, count=new.steps.get(step, len(added)))


def company_facts(told: Told, old: Company | None, new: Company) -> Iterator[ConnectionFact]:
    """Yield what has happened to a company."""
    platform, status = new.target_platform, new.connection_status
    if new.is_deleted and not (old and old.is_deleted):
        yield told.fact(CompanyDeleted, target_platform=platform, connection_status=status)
    kind = _connection_kind(old, new)
    if kind:
        yield told.fact(kind, target_platform=platform, connection_status=status)


def _kind(item: Item) -> type[TransactionFact] | None:
    if item.failed:
        return TransactionFailed
    return TransactionCompleted if item.status == COMPLETED else None


def _connection_kind(old: Company | None, new: Company) -> type[ConnectionFact] | None:
    if old is None:
        # As we hear of it first, only what has surely been linked before is lost.
        is_lost = new.connection_status is not None and not _is_linked(new) and not _was_never_linked(new)
        return ConnectionLost if is_lost else None
    if _is_linked(old) == _is_linked(new):
        return None
    return ConnectionRestored if _is_linked(new) else ConnectionLost


def _is_linked(company: Company) -> bool:
    return (company.connection_status or "").lower() == _LINKED


def _was_never_linked(company: Company) -> bool:
    return (company.connection_status or "").lower() in _NEVER_LINKED
