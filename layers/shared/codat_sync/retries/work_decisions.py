"""Record users' decisions about failed syncs: dismiss, reopen or note. Nothing is sent, so nothing is written twice.

A dismissal does not stop retries: scheduled transactions are still resubmitted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from codat_sync.audit.entry import Action, AuditEntry
from codat_sync.aws.observability import logger
from codat_sync.core.errors import InvalidBodyError, ValidationIssue
from codat_sync.syncs.retry_record import Decision, DecisionKind

if TYPE_CHECKING:
    from codat_sync.audit.repository import AuditRepository
    from codat_sync.syncs.repository import SyncRepository
    from codat_sync.syncs.retry_repository import RetryRepository

MAX_REASON_LENGTH: Final = 500


@dataclass(frozen=True, slots=True)
class WorkDecisionCommand:
    """A decision about a failed sync: who makes it, and why."""

    sync_id: str
    kind: DecisionKind
    by: str
    reason: str


@dataclass(frozen=True)
class WorkDecisionService:
    """Record decisions. ``is_not_erased`` returns whether a company's data may be written, by its id."""

    store: "SyncRepository"
    retries: "RetryRepository"
    audit: "AuditRepository"
    is_not_erased: Callable[[str], bool]
    now: Callable[[], datetime]

    def decide(self, command: WorkDecisionCommand) -> bool:
        """Record a decision, for a retry at its first sync. Return False if that sync is not on the worklist.

        Raises InvalidBodyError and DynamoDB's errors.
        """
        reason = command.reason.strip()
        if not 0 < len(reason) <= MAX_REASON_LENGTH:
            raise InvalidBodyError([ValidationIssue("reason", f"is required: 1 to {MAX_REASON_LENGTH} characters")])
        sync = self.store.load_snapshot("", command.sync_id, []).values
        if not sync or not self.is_not_erased(sync["companyId"]):
            return False
        sync_id = sync.get("retryOf") or command.sync_id
        now = self.now()
        is_done = self.retries.decide(sync_id, Decision(command.kind, command.by, reason, now, None))
        if is_done:
            # Afterwards, as the retry record says the same.
            company_id, details = sync["companyId"], {"reason": reason}
            self.audit.record(AuditEntry(now, command.by, Action(command.kind), sync_id, company_id, details))
        logger.info("work item decided", sync_id=sync_id, kind=command.kind, decided_by=command.by, is_done=is_done)
        return is_done
