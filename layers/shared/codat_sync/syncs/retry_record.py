"""Model the retry of a sync's failed transactions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

# Maximum number of transactions listed for each step, to keep the item and its events small. Ten events with this many
# of the longest ids fit into the smallest limit on their way (SNS's 256 KB).
MAX_LISTED_IDS: Final = 100


class RetryState(StrEnum):
    """The retry state of a sync's failed transactions."""

    OPEN = "open"  # not planned yet
    SCHEDULED = "scheduled"  # to be checked again
    RESOLVED = "resolved"  # all are written
    STOPPED = "stopped"  # the rest needs an operator, the customer or the product
    NOT_FAILED = "notFailed"  # there is nothing to retry; only reported, never stored


class Step(StrEnum):
    """The next step for a failed transaction: see ``retries.planner``."""

    RETRY_NOW = "retryNow"
    SCHEDULED = "scheduled"
    IN_PROGRESS = "inProgress"
    STUCK_AT_CODAT = "stuckAtCodat"
    NEEDS_CORRECTION = "needsCorrection"
    NEEDS_RECONNECTION = "needsReconnection"
    NEEDS_BILLING = "needsBilling"
    ALREADY_WRITTEN = "alreadyWritten"
    PARTIALLY_WRITTEN = "partiallyWritten"
    OUTCOME_UNKNOWN = "outcomeUnknown"
    NO_BODY_RECORDED = "noBodyRecorded"
    ATTEMPTS_EXHAUSTED = "attemptsExhausted"
    # Never planned: the answer to a request that names a transaction that has not failed.
    NOT_FAILED = "notFailed"


class DecisionKind(StrEnum):
    """What a user can decide about a failed sync."""

    DISMISS = "dismiss"  # nobody has to act
    REOPEN = "reopen"  # undo a dismissal
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision about a failed sync: who made it, why, and when.

    ``failure`` is the failure that the decision concerns: see ``Retry.last_failure``.
    """

    kind: DecisionKind
    by: str
    reason: str
    at: datetime
    failure: str | None


@dataclass(frozen=True, slots=True)
class Retry:
    """The retry of a failed sync. ``sync_ids`` are the syncs that its retries created, oldest first.

    ``steps`` counts its failed transactions by next step; ``blocked`` lists the first of them for each step that needs
    an action. ``version`` is the table's: it increases with each write. ``unknown_ids`` are the first of those with an
    unknown outcome that are not checked again; ``acknowledged_ids`` are those that an operator has marked as handled.
    ``retriable`` is how many of its transactions a manual retry would resubmit, None if they have not been counted;
    ``retriable_ids`` are the first of them. ``last_failure`` identifies the last time that Codat reported a failure, of
    the sync or of a retry of it. ``decisions`` are those of users, oldest first.
    """

    state: RetryState
    sync_ids: tuple[str, ...]
    steps: Mapping[str, int]
    due_at: datetime | None
    blocked: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    version: int = 0
    unknown_ids: tuple[str, ...] = ()
    acknowledged_ids: tuple[str, ...] = ()
    retriable: int | None = None
    retriable_ids: tuple[str, ...] = ()
    last_failure: str | None = None
    decisions: tuple[Decision, ...] = ()

    @property
    def open_transactions(self) -> int:
        """The number of its failed transactions that are not written yet."""
        return sum(count for step, count in self.steps.items() if step != Step.ALREADY_WRITTEN)

    @property
    def is_dismissed(self) -> bool:
        """Whether a user has dismissed it, and it has not failed again since."""
        decisive = [each for each in self.decisions if each.kind is not DecisionKind.NOTE]
        last = decisive[-1] if decisive else None
        return last is not None and last.kind is DecisionKind.DISMISS and last.failure == self.last_failure

    @property
    def is_acknowledged(self) -> bool:
        """Whether all open transactions have unknown outcomes that an operator has marked as handled."""
        open_steps = set(self.steps) - {Step.ALREADY_WRITTEN}
        unknown_ids = self.blocked.get(Step.OUTCOME_UNKNOWN, ())
        is_covered = bool(unknown_ids) and set(unknown_ids) <= set(self.acknowledged_ids)
        return is_covered and open_steps == {Step.OUTCOME_UNKNOWN}

    @property
    def failed(self) -> int:
        """The number of its failed transactions, as of the last plan."""
        return sum(self.steps.values())

    def is_counted(self, now: datetime) -> bool:
        """Return whether its counts are current. Any change that may affect a plan makes the retry due at once."""
        return self.retriable is not None and (self.due_at is None or self.due_at > now)
