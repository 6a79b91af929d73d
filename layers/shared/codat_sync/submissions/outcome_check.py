"""Look up the outcome of submissions in flight when they are due, and report those that stay unknown.

Nothing is sent here, so nothing can be written twice: Codat's list is read, and the submission's state recorded.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from codat_sync.aws.observability import count, logger
from codat_sync.core.errors import (
    ClaimConflictError,
    CodatError,
    CodatNotFoundError,
    CodatSyncError,
    CompanyErasedError,
    SecretUnavailableError,
    SubmissionInFlightError,
)
from codat_sync.rate_limits.errors import GateClosedError, RateLimitExceededError
from codat_sync.submissions.submission import UNKNOWN_AFTER

if TYPE_CHECKING:
    from codat_sync.submissions.repository import SubmissionRepository
    from codat_sync.submissions.service import SubmissionService
    from codat_sync.submissions.submission import Submission


@dataclass(frozen=True)
class OutcomeCheck:
    """Look up outcomes. ``is_not_erased`` returns whether a company's data may be written, by its id."""

    service: "SubmissionService"
    submissions: "SubmissionRepository"
    is_not_erased: Callable[[str], bool]
    now: Callable[[], datetime]

    def execute(self, submission_id: str) -> None:
        """Look up the outcome of a submission. If it is unknown, schedule the next lookup. Raises DynamoDB's errors."""
        submission = self.submissions.load(submission_id)
        if submission is None or not self.is_not_erased(submission.company_id):
            return
        try:
            if submission.is_in_flight:
                self._look_up(submission)
            else:
                self.submissions.clear_due(submission)  # An older version has recorded no more than the outcome.
        except (ClaimConflictError, CompanyErasedError) as error:
            logger.info("outcome check superseded", submission_id=submission_id, reason=type(error).__name__)

    def _look_up(self, submission: "Submission") -> None:
        failure = self._record_outcome(submission)
        current = self.submissions.load(submission.submission_id)
        if current and current.is_in_flight:
            self._schedule_next(current, failure)

    def _record_outcome(self, submission: "Submission") -> CodatSyncError | None:
        """Record the outcome if it can be found. Returns the error if Codat gave no answer."""
        try:
            self.service.require_claim_released(submission.transaction_ids[0], submission)
        except (SubmissionInFlightError, CodatNotFoundError):
            return None  # Codat does not know it (yet), or its sync has not ended.
        except (CodatError, SecretUnavailableError, RateLimitExceededError) as error:
            return error
        return None

    def _schedule_next(self, submission: "Submission", failure: CodatSyncError | None) -> None:
        now = self.now()
        due_at = submission.next_lookup_at(now, was_answered=failure is None)
        if due_at and isinstance(failure, GateClosedError):
            due_at = max(due_at, failure.closure.until)
        is_unknown = now - submission.began_at >= UNKNOWN_AFTER
        reported_at = submission.reported_at or (now if is_unknown else None)
        self.submissions.schedule_lookup(submission, due_at, reported_at=reported_at)
        if reported_at and not submission.reported_at:
            count("SubmissionsUnknown")
        logger.info(
            "outcome unknown",
            submission_id=submission.submission_id,
            company_id=submission.company_id,
            transaction_ids=list(submission.transaction_ids),
            is_reported=reported_at is not None,
            next_lookup_at=due_at,
            failure=failure and type(failure).__name__,
        )
