"""Explain why there is nothing to retry: in a sync, or for a transaction of it. Rules only."""

from collections.abc import Sequence
from dataclasses import dataclass

from codat_sync.retries.planner import Plan
from codat_sync.syncs.items import Item
from codat_sync.syncs.record import SyncRecord
from codat_sync.syncs.retry_record import RetryState, Step
from codat_sync.syncs.status_codes import Outcome


@dataclass(frozen=True, slots=True)
class NothingFailed:
    """Why a sync has no failed transactions. ``state`` is what its retry comes to, if one had been recorded."""

    state: RetryState
    message: str

    @property
    def reported_state(self) -> RetryState:
        """The state to report to the caller: a sync that failed as a whole still needs manual action."""
        return RetryState.STOPPED if self.state is RetryState.STOPPED else RetryState.NOT_FAILED


def explain_sync(record: SyncRecord) -> NothingFailed:
    """Explain why a sync has no failed transactions."""
    if record.sync is None:
        return NothingFailed(RetryState.SCHEDULED, "Nothing to retry: the sync has not been fetched from Codat yet.")
    if not record.sync.is_final:
        return NothingFailed(RetryState.SCHEDULED, "Nothing to retry: the sync has not ended, and nothing has failed.")
    if record.outcome is Outcome.SUCCEEDED:
        return NothingFailed(RetryState.RESOLVED, "Nothing to retry: nothing failed in this sync.")
    return NothingFailed(
        RetryState.STOPPED,
        "Nothing to retry: the sync failed, but Codat names no transaction that could be resubmitted.",
    )


def explain_transaction(items: Sequence[Item]) -> Plan:
    """Explain why a transaction is not retried, by its ``items`` in the sync."""
    statuses = ", ".join(sorted({item.status or "Unknown" for item in items}))
    note = f"It has not failed in this sync: {statuses}." if items else "This sync does not contain it."
    return Plan(Step.NOT_FAILED, note)
