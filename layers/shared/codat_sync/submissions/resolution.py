"""Let an operator state the outcome of a submission that Codat does not report.

Why this can't write twice: nothing is sent. A statement is accepted only for a reported submission, of which nothing is
in transit any more and nothing may be sent again (see ``UNKNOWN_AFTER``). Only transactions stated as not written may
be submitted again, each with a claim of its own.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from codat_sync.audit.entry import Action, AuditEntry, list_ids
from codat_sync.aws.observability import logger
from codat_sync.core.errors import (
    ClaimConflictError,
    CompanyErasedError,
    InvalidBodyError,
    TooEarlyError,
    ValidationIssue,
)
from codat_sync.submissions.submission import UNKNOWN_AFTER, Resolution

if TYPE_CHECKING:
    from codat_sync.audit.repository import AuditRepository
    from codat_sync.submissions.repository import SubmissionRepository
    from codat_sync.submissions.submission import Submission
    from codat_sync.syncs.repository import SyncRepository
    from codat_sync.syncs.retry_repository import RetryRepository

MAX_REASON_LENGTH = 500
_PLAN_DELAY = timedelta(minutes=1)  # longer than the write that follows


@dataclass(frozen=True, slots=True)
class ResolutionCommand:
    """State which transactions of a submission are written (None: all of them), who found that out, and how."""

    submission_id: str
    written: frozenset[str] | None
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class AcknowledgementCommand:
    """State that the unknown outcomes of a failed sync are dealt with in the accounting software: who, and how."""

    sync_id: str
    by: str
    reason: str


@dataclass(frozen=True)
class ResolutionService:
    """Resolve submissions. ``is_not_erased`` returns whether a company's data may be written, by its id."""

    submissions: "SubmissionRepository"
    store: "SyncRepository"
    retries: "RetryRepository"
    audit: "AuditRepository"
    is_not_erased: Callable[[str], bool]
    now: Callable[[], datetime]

    def resolve(self, command: ResolutionCommand) -> bool:
        """Record the statement. Returns False if the submission is not in flight (any more), or does not exist.

        Raises InvalidBodyError, TooEarlyError, CompanyErasedError and DynamoDB's errors.
        """
        submission = self.submissions.load(command.submission_id)
        if submission is None:
            return False
        if not submission.is_in_flight:
            self.submissions.clear_due(submission)  # An older version may have left it on the list.
            return False
        written = submission.transaction_ids if command.written is None else command.written
        self._require_resolvable(submission, command, written)
        resolution = Resolution(command.by, command.reason.strip(), self.now())
        self._reschedule_retries(submission)
        try:
            self.submissions.mark_resolved(submission, resolution, written)
        except ClaimConflictError:
            return False  # Its outcome was found, or another operator was first.
        self._record_resolution(submission, resolution, written)
        logger.info(
            "submission resolved",
            submission_id=submission.submission_id,
            company_id=submission.company_id,
            written=sorted(written),
            resolved_by=command.by,
        )
        return True

    def acknowledge(self, command: AcknowledgementCommand) -> bool:
        """Take a failed sync off the list; False if it is not on it. Raises InvalidBodyError and DynamoDB's errors.

        The transactions are not released: their sync has ended without an outcome, so they are never sent again.
        """
        _require_reason(command.reason)
        reason, now = command.reason.strip(), self.now()
        is_done = self.retries.acknowledge(command.sync_id, command.by, reason, now)
        if is_done:
            # As for a resolution: the retry record says the same.
            company_id = self.store.load_snapshot("", command.sync_id, []).values.get("companyId")
            details = {"reason": reason}
            self.audit.record(AuditEntry(now, command.by, Action.ACKNOWLEDGE, command.sync_id, company_id, details))
        logger.info("unknown outcomes acknowledged", sync_id=command.sync_id, by=command.by, is_done=is_done)
        return is_done

    def _record_resolution(self, submission: "Submission", resolution: Resolution, written: Collection[str]) -> None:
        """Record it in the audit. If that fails, the submission itself still says who stated what, and when."""
        details = {
            "submissionId": submission.submission_id,
            "written": list_ids(written) or "none",
            "notWritten": list_ids(set(submission.transaction_ids) - set(written)),
            "reason": resolution.reason,
        }
        company_id, sync_id = submission.company_id, submission.sync_id
        self.audit.record(AuditEntry(resolution.at, resolution.by, Action.RESOLVE, sync_id, company_id, details))

    def _require_resolvable(
        self, submission: "Submission", command: ResolutionCommand, written: Collection[str]
    ) -> None:
        _require_reason(command.reason)
        if unknown := set(written) - set(submission.transaction_ids):
            raise InvalidBodyError(
                [ValidationIssue("written", f"not in this submission: {', '.join(sorted(unknown))}")]
            )
        if not self.is_not_erased(submission.company_id):
            raise CompanyErasedError(submission.company_id)
        if submission.reported_at is None or self.now() - submission.began_at < UNKNOWN_AFTER:
            raise TooEarlyError("its outcome is still being looked up, and it may be sent again with its key")

    def _reschedule_retries(self, submission: "Submission") -> None:
        """Have the retries of the transactions planned anew soon: before the resolution, so that a crash loses none."""
        due_at = self.now() + _PLAN_DELAY
        for transaction_id in submission.transaction_ids:
            for sync_id in self.store.load_sync_ids_of_transaction(submission.company_id, transaction_id):
                self.retries.reschedule(submission.company_id, sync_id, due_at)


def _require_reason(reason: str) -> None:
    if not 0 < len(reason.strip()) <= MAX_REASON_LENGTH:
        raise InvalidBodyError([ValidationIssue("reason", f"is required: 1 to {MAX_REASON_LENGTH} characters")])
