"""Monitor the webhook endpoint: whether Codat still sends webhooks to it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from codat_sync.webhooks.endpoint import EndpointState, evaluate_endpoint

if TYPE_CHECKING:
    from codat_sync.codat.directory_client import CodatDirectoryClient
    from codat_sync.reconciliation.run_repository import ReconciliationRunRepository

_INTERVAL = timedelta(hours=1)
# States that UNKNOWN may replace.
_REPLACEABLE_STATES = {None, EndpointState.HEALTHY, EndpointState.UNKNOWN}


@dataclass(frozen=True)
class EndpointMonitor:
    """Check the webhook endpoint. ``webhook_url`` is the URL that Codat has to send webhooks to."""

    codat: "CodatDirectoryClient"
    run_repository: "ReconciliationRunRepository"
    webhook_url: str
    now: Callable[[], datetime]

    def check(self) -> EndpointState | None:
        """Fetch the webhook consumers from Codat, hourly, and return our endpoint's state; None if it was not due.

        Raises CodatError and whatever a call to Codat raises.
        """
        if not self.run_repository.lease_endpoint(self.now()):
            return None
        state = evaluate_endpoint(self.codat.list_webhook_consumers(), self.webhook_url)
        now = self.now()
        self.run_repository.put_endpoint(state, now, now + _INTERVAL)
        return state

    def postpone(self, *, is_fetched: bool) -> EndpointState | None:
        """Postpone the next check by an hour: repeated failures would exhaust the daily budget.

        Return the endpoint's state: UNKNOWN if Codat responded (``is_fetched``) without usable data, None if Codat is
        unavailable. UNKNOWN replaces a stored HEALTHY, but never a stored unhealthy state.
        """
        now = self.now()
        if is_fetched and self.run_repository.load_endpoint().state in _REPLACEABLE_STATES:
            self.run_repository.put_endpoint(EndpointState.UNKNOWN, now, now + _INTERVAL)
        else:
            self.run_repository.postpone_endpoint_check(now + _INTERVAL)
        return EndpointState.UNKNOWN if is_fetched else None
