"""The history of a transaction: its submissions and syncs in one list, in order."""

from dataclasses import dataclass
from datetime import datetime

from codat_sync.retries.planner import TransactionHistory, TransactionResult
from codat_sync.submissions.submission import Submission


@dataclass(frozen=True, slots=True)
class Entry:
    """A submission of the transaction, or a sync that contains it: one of the two is None."""

    at: datetime
    submission: Submission | None = None
    sync: TransactionResult | None = None


def course(history: TransactionHistory) -> list[Entry]:
    """Return the submissions and syncs of a transaction, oldest first."""
    submissions = [Entry(each.recorded_at, submission=each) for each, _ in history.submissions]
    return sorted([*submissions, *(Entry(each.at, sync=each) for each in history.syncs)], key=lambda entry: entry.at)
