"""Asking Codat at once, for a person who can't wait: what the table says is brought up to it by the worker."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from codat_sync.core.errors import CodatNotFoundError
from codat_sync.syncs.items import Item, fold
from codat_sync.syncs.sync import SyncStatus

if TYPE_CHECKING:
    from codat_sync.codat.client import CodatClient
    from codat_sync.messaging.queues import SyncQueue
    from codat_sync.queries.sync_details import SyncDetails


@dataclass(frozen=True)
class LiveLookup:
    """How Codat is asked live: only reads, out of what is kept of the quota for people.

    ``is_known`` tells of a company whether it was not forgotten: a call leaves its id in the table.
    """

    codat: "CodatClient"
    queue: "SyncQueue"
    is_not_erased: Callable[[str], bool]

    def fetch_sync(self, details: "SyncDetails", correlation_id: str) -> SyncStatus:
        """Return what Codat says of a sync, and have the worker look at it too.

        Raises CodatError, SecretUnavailableError and QueueUnavailableError.
        """
        listed = details.listed
        status = self.codat.get_sync_status(listed.company_id, listed.sync_id)
        # The worker is who writes: what it is told is only that the version seen here is to be looked at.
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

    def fetch_transaction(self, company_id: str, sync_id: str, transaction_id: str) -> tuple[Item, ...] | None:
        """Return what Codat says of a transaction of a sync, None if it does not know it.

        Raises CodatError and SecretUnavailableError.
        """
        try:
            rows = self.codat.get_sync_transaction(company_id, sync_id, transaction_id)
        except CodatNotFoundError:
            return None
        return fold(rows) or None

    def fetch_configuration(self, company_id: str) -> dict[str, Any] | None:
        """Return a company's configuration, None if Codat has none. Raises CodatError and SecretUnavailableError."""
        if not self.is_not_erased(company_id):
            return None
        try:
            return self.codat.get_configuration(company_id)
        except CodatNotFoundError:
            return None
