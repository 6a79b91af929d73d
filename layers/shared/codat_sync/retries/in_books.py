"""Determine from a transaction's history whether it is in the customer's accounting software. Rules only."""

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
    """Return whether a transaction is in the books: unknown while it is in progress, or if its outcome is unknown."""
    safety = plan_safety(history, now)
    if safety and safety.step in {Step.ALREADY_WRITTEN, Step.PARTIALLY_WRITTEN}:
        return InBooksAnswer(InBooks.YES, safety.support_note)
    # Codat does not undo a write: the transaction stays in the books even if an update of it fails.
    for result in reversed(history.syncs):
        if COMPLETED in result.statuses.values():
            return InBooksAnswer(InBooks.YES, f"Sync {result.sync_id} wrote it. A later update is not written yet.")
    if safety:
        return InBooksAnswer(InBooks.UNKNOWN, safety.support_note)
    if history.syncs:
        return InBooksAnswer(InBooks.NO, f"Sync {history.syncs[-1].sync_id} did not write it.")
    newest = history.newest[0] if history.newest else None
    reason = (newest and newest.rejection_reason) or "it was not sent"
    return InBooksAnswer(InBooks.NO, f"It was not accepted: {reason}.")
