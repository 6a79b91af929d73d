"""Say whether a transaction is in the customer's accounting software, as far as its history shows. Rules only."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from codat_sync.retries.planner import TransactionHistory, plan_safety
from codat_sync.syncs.items import COMPLETED
from codat_sync.syncs.retry_record import Step


class InBooks(StrEnum):
    """Whether a transaction is in the accounting software."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class InBooksAnswer:
    """The answer, and why."""

    answer: InBooks
    reason: str


def is_in_books(history: TransactionHistory, now: datetime) -> InBooksAnswer:
    """Return whether a transaction is in the books: unknown while it is on its way, or if nobody knows."""
    safety = plan_safety(history, now)
    if safety and safety.step in {Step.ALREADY_WRITTEN, Step.PARTIALLY_WRITTEN}:
        return InBooksAnswer(InBooks.YES, safety.support_note)
    # Codat does not undo a write: whatever becomes of an update, what was written before it stays.
    for result in reversed(history.syncs):
        if COMPLETED in result.statuses.values():
            return InBooksAnswer(InBooks.YES, f"Sync {result.sync_id} wrote it; a later update is not written yet.")
    if safety:
        return InBooksAnswer(InBooks.UNKNOWN, safety.support_note)
    if history.syncs:
        return InBooksAnswer(InBooks.NO, f"Sync {history.syncs[-1].sync_id} did not write it.")
    newest = history.newest[0] if history.newest else None
    reason = (newest and newest.rejection_reason) or "it was not sent"
    return InBooksAnswer(InBooks.NO, f"It was not accepted: {reason}.")
