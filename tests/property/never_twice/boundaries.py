"""DynamoDB and Codat as the functions call them: each call is a step that can fail, and a request can arrive late."""

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial

import httpx

from dev.codat_simulator.faults import Fault
from dev.codat_simulator.simulator import SimulatedCodat
from tests.property.boundaries import CALL_DURATION, Json, SteppedDynamoDB, stepped_http_client
from tests.support.clock import ManualClock
from tests.support.stepping import Call, Fate, outside

# The client's timeout.
_TIMEOUT = timedelta(seconds=10)
# A request that its caller has given up on arrives within this time, if at all.
_LATEST = timedelta(seconds=25)
OF_ANY_CALL = (Fate.CRASH_BEFORE, Fate.CRASH_AFTER)
# Not a transaction: it has a token that makes it idempotent.
_REPEATABLE = {"put_item", "update_item", "batch_write_item"}
_FAULTS = {
    Fate.RESET: Fault("reset"),
    Fate.FAILING: Fault("status", status=503),
    Fate.CLOSING: Fault("status", status=429, retry_after="30"),
    Fate.LOST: Fault("disconnect_after"),
    Fate.FAILING_AFTER: Fault("status_after", status=503),
    Fate.SLOW: Fault("latency_after", seconds=60),
    Fate.UNLINKED: Fault("unlink"),
    Fate.UNLINKED_REFUSED: Fault("unlink_status", status=400),
}
_OF_A_READ = (*OF_ANY_CALL, Fate.FAILING, Fate.CLOSING)
# Late arrival is the hardest fault to be safe from: it is more frequent.
_OF_A_WRITE = (*OF_ANY_CALL, *_FAULTS, *[Fate.LATE] * 4)


class NoTurns:
    """A rate limiter that never waits."""

    @contextmanager
    def acquire(self, _company_id: str | None) -> Iterator[None]:
        yield


def call_fates(name: str) -> tuple[Fate, ...]:
    """Return what can befall a call to DynamoDB."""
    return (*OF_ANY_CALL, *[Fate.REPEATED] * (name in _REPEATABLE))


class DynamoDB(SteppedDynamoDB):
    """The DynamoDB client."""

    def fates(self, name: str, arguments: Json) -> Collection[Fate]:
        del arguments
        return call_fates(name)


class Network:
    """The network to simulated Codat, which can delay requests. ``makers`` has the job that made each sync."""

    def __init__(self, codat: SimulatedCodat, clock: ManualClock) -> None:
        self._codat = codat
        self._clock = clock
        self._held: list[tuple[datetime, str, httpx.Request]] = []
        self.makers: dict[str, str] = {}
        self.http = stepped_http_client(self._handle)

    @property
    def is_holding(self) -> bool:
        """Whether a request is in transit."""
        return bool(self._held)

    def deliver(self) -> None:
        """Deliver the delayed requests. Nobody receives the answers."""
        for _, maker, request in self._held:
            self._pass_on(request, maker)
        self._held.clear()

    def deliver_before(self, moment: datetime) -> None:
        """Deliver the delayed requests that arrive before ``moment`` at the latest."""
        if any(latest <= moment for latest, _, _ in self._held):
            self.deliver()

    def _handle(self, request: httpx.Request) -> httpx.Response:
        fates = _OF_A_READ if request.method == "GET" else _OF_A_WRITE
        name = f"{request.method} {request.url.path.rpartition('/')[2]}"
        answer: httpx.Response = outside(Call(name, partial(self._attempt, request), fates))
        return answer

    def _attempt(self, request: httpx.Request, fate: Fate) -> httpx.Response:
        self._clock.pass_by(CALL_DURATION)
        maker = threading.current_thread().name
        if fate is Fate.LATE:
            self._held.append((self._clock.now() + _LATEST, maker, request))
            self._clock.pass_by(_TIMEOUT)
            raise httpx.ReadTimeout("The read operation timed out", request=request)
        if fate in _FAULTS:
            self._codat.faults.add(_FAULTS[fate])
        return self._pass_on(request, maker)

    def _pass_on(self, request: httpx.Request, maker: str) -> httpx.Response:
        before = len(self._codat.submissions)
        try:
            return self._codat.handle(request)
        finally:
            self.makers |= {made.sync_id: maker for made in self._codat.submissions[before:]}
