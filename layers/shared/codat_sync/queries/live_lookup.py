"""Fetch live data from Codat for a user. The worker then updates the table."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from codat_sync.audit.entry import Action, AuditEntry
from codat_sync.core.errors import CodatNotFoundError
from codat_sync.syncs.items import Item, fold
from codat_sync.syncs.sync import SyncStatus

if TYPE_CHECKING:
    from codat_sync.audit.repository import AuditRepository
    from codat_sync.codat.client import CodatClient
    from codat_sync.messaging.queues import SyncQueue
    from codat_sync.queries.sync_details import SyncDetails


@dataclass(frozen=True)
class LiveLookup:
    """Read live data from Codat, within the quota reserved for users.

    ``is_not_erased`` checks a company before a call that would leave its id in the table.
    """

    codat: "CodatClient"
    queue: "SyncQueue"
    is_not_erased: Callable[[str], bool]
    audit: "AuditRepository"
    now: Callable[[], datetime]

    def fetch_sync(self, details: "SyncDetails", correlation_id: str, by: str) -> SyncStatus:
        """Fetch a sync's status from Codat, and enqueue a check for the worker.

        Raises CodatError, SecretUnavailableError, QueueUnavailableError and DynamoDB's errors.
        """
        listed = details.listed
        self._record(listed.company_id, listed.sync_id, by)
        status = self.codat.get_sync_status(listed.company_id, listed.sync_id)
        # Only the worker writes records: the message just requests a check of the version seen here.
        self.queue.send(
            {
                "v": 1,
                "kind": "check",
                "companyId": listed.company_id,
                "syncId": listed.sync_id,
                "partRunId": None,
                "version": details.version,
                "correlationId": correlation_id,
            }
        )
        return status

    def fetch_transaction(self, company_id: str, sync_id: str, transaction_id: str, by: str) -> tuple[Item, ...] | None:
        """Fetch a transaction of a sync from Codat; None if Codat does not know it.

        Raises CodatError, SecretUnavailableError and DynamoDB's errors.
        """
        self._record(company_id, sync_id, by, transaction_id)
        try:
            rows = self.codat.get_sync_transaction(company_id, sync_id, transaction_id)
        except CodatNotFoundError:
            return None
        return fold(rows) or None

    def _record(self, company_id: str, sync_id: str, by: str, transaction_id: str = "") -> None:
        """Write the audit entry of a call that uses the quota reserved for users."""
        if self.is_not_erased(company_id):
            details = {"transactionId": transaction_id}
            self.audit.record(AuditEntry(self.now(), by, Action.REFRESH, sync_id, company_id, details))

    def fetch_configuration(self, company_id: str) -> dict[str, Any] | None:
        """Fetch a company's configuration; None if Codat has none. Raises CodatError and SecretUnavailableError."""
        if not self.is_not_erased(company_id):
            return None
        try:
            return self.codat.get_configuration(company_id)
        except CodatNotFoundError:
            return None
