"""Watching the endpoint of the webhooks: whether Codat still sends us any."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from codat_sync.webhooks.endpoint import EndpointState, evaluate_endpoint

if TYPE_CHECKING:
    from codat_sync.codat.directory_client import CodatDirectoryClient
    from codat_sync.reconciliation.run_repository import ReconciliationRunRepository

_INTERVAL = timedelta(hours=1)
_NOT_WRONG = {None, EndpointState.HEALTHY, EndpointState.UNKNOWN}


@dataclass(frozen=True)
class EndpointMonitor:
    """How the endpoint is watched. ``our_url`` is what Codat has to send webhooks to."""

    codat: "CodatDirectoryClient"
    run_repository: "ReconciliationRunRepository"
    webhook_url: str
    now: Callable[[], datetime]

    def check(self) -> EndpointState | None:
        """Ask Codat who receives its webhooks, each hour; returns how our endpoint stands, None if it was not time yet.

        Raises CodatError and what a call of Codat's does.
        """
        if not self.run_repository.lease_endpoint(self.now()):
            return None
        state = evaluate_endpoint(self.codat.list_webhook_consumers(), self.webhook_url)
        now = self.now()
        self.run_repository.put_endpoint(state, now, now + _INTERVAL)
        return state

    def postpone(self, *, is_fetched: bool) -> EndpointState | None:
        """Have Codat asked again in an hour only: it was, and what does not work would use up what may be used.

        Returns how the endpoint stands: if it ``is_fetched``, Codat does not say, and that it was well is over. What
        was wrong stays so. None if Codat fails.
        """
        now = self.now()
        if is_fetched and self.run_repository.load_endpoint().state in _NOT_WRONG:
            self.run_repository.put_endpoint(EndpointState.UNKNOWN, now, now + _INTERVAL)
        else:
            self.run_repository.postpone_endpoint_check(now + _INTERVAL)
        return EndpointState.UNKNOWN if is_fetched else None
