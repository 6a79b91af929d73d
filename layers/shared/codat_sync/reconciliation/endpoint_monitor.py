"""Watching the endpoint of the webhooks: whether Codat still sends us any."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from codat_sync.webhooks.endpoint import EndpointState, judge

if TYPE_CHECKING:
    from codat_sync.codat.directory_client import CodatDirectory
    from codat_sync.reconciliation.run_repository import RoundsStore

_EACH = timedelta(hours=1)
_NOT_WRONG = {None, EndpointState.WELL, EndpointState.UNKNOWN}


@dataclass(frozen=True)
class Watching:
    """How the endpoint is watched. ``our_url`` is what Codat has to send webhooks to."""

    codat: "CodatDirectory"
    rounds: "RoundsStore"
    our_url: str
    now: Callable[[], datetime]

    def look(self) -> EndpointState | None:
        """Ask Codat who receives its webhooks, each hour; returns how our endpoint stands, None if it was not time yet.

        Raises CodatError and what a call of Codat's does.
        """
        if not self.rounds.lease_endpoint(self.now()):
            return None
        state = judge(self.codat.webhook_consumers(), self.our_url)
        now = self.now()
        self.rounds.put_endpoint(state, now, now + _EACH)
        return state

    def put_off(self, *, is_answered: bool) -> EndpointState | None:
        """Have Codat asked again in an hour only: it was, and what does not work would use up what may be used.

        Returns how the endpoint stands: if it ``is_answered``, Codat does not say, and that it was well is over. What
        was wrong stays so. None if Codat fails.
        """
        now = self.now()
        if is_answered and self.rounds.load_endpoint().state in _NOT_WRONG:
            self.rounds.put_endpoint(EndpointState.UNKNOWN, now, now + _EACH)
        else:
            self.rounds.put_off_endpoint(now + _EACH)
        return EndpointState.UNKNOWN if is_answered else None
