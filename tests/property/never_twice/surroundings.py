"""What surrounds the code: DynamoDB and Codat, each call to which is a place to stop at, and the time."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import httpx

from codat_sync.aws.table_schema import COMPANY, GATE
from dev.codat_simulator.faults import Fault
from dev.codat_simulator.simulator import SimulatedCodat
from tests.support.clock import ManualClock
from tests.support.stepping import Call, Fate, outside

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

BESIDE_THE_POINT = {GATE["sk"], COMPANY}
CALL_TAKES = timedelta(milliseconds=10)
# What a client waits for an answer that does not come.
_PATIENCE = timedelta(seconds=10)
# A request that its caller has given up arrives within this, if it does at all.
_LATEST = timedelta(seconds=25)
OF_ANY_CALL = (Fate.CRASH_BEFORE, Fate.CRASH_AFTER)
# A transaction has a token, by which DynamoDB knows it again.
REPEATABLE = {"put_item", "update_item", "batch_write_item"}
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
# What arrives late is what is hardest to be safe from: more often than the others.
_OF_A_WRITE = (*OF_ANY_CALL, *_FAULTS, *[Fate.LATE] * 4)


class NoTurns:
    """Nobody has to wait for a turn."""

    @contextmanager
    def turn(self, _company_id: str | None) -> Iterator[None]:
        yield


class SteppedDynamoDB:
    """A client of DynamoDB. What is of no consequence here is not stopped at: the gate, and companies."""

    def __init__(self, client: "DynamoDBClient", clock: ManualClock) -> None:
        self._client = client
        self._clock = clock

    def as_client(self) -> "DynamoDBClient":
        """Return it as what the code takes it for."""
        return cast("DynamoDBClient", self)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return partial(self._call, name)

    def get_paginator(self, name: str) -> "_Paginator":
        return _Paginator(partial(self._call, name))

    def _call(self, name: str, **arguments: Any) -> Any:  # noqa: ANN401 - any method of the client
        def attempt(_: Fate) -> Any:  # noqa: ANN401 - the same
            self._clock.pass_by(CALL_TAKES)
            return getattr(self._client, name)(**arguments)

        if _keys(arguments) <= BESIDE_THE_POINT:
            return attempt(Fate.WELL)
        return outside(Call(name, attempt, (*OF_ANY_CALL, *[Fate.REPEATED] * (name in REPEATABLE))))


def _keys(arguments: dict[str, Any]) -> set[str]:
    """Return the sort keys of what is read or changed by itself."""
    if "RequestItems" in arguments:
        (request,) = arguments["RequestItems"].values()
        items = request["Keys"] if isinstance(request, dict) else []
    else:
        items = [arguments[name] for name in ("Key", "Item") if name in arguments]
    return {item["sk"]["S"] for item in items} or {"many"}


class _Paginator:
    def __init__(self, ask: Callable[..., Any]) -> None:
        self._ask = ask

    def paginate(self, **arguments: Any) -> Iterator[Any]:  # noqa: ANN401 - the client's own
        answer = self._ask(**arguments)
        assert "LastEvaluatedKey" not in answer
        yield answer


class Network:
    """The way to simulated Codat, on which requests can be held up. ``makers`` has the job that made each sync."""

    def __init__(self, codat: SimulatedCodat, clock: ManualClock) -> None:
        self._codat = codat
        self._clock = clock
        self._held: list[tuple[datetime, str, httpx.Request]] = []
        self.makers: dict[str, str] = {}
        transport = httpx.MockTransport(self._handle)
        self.http = httpx.Client(base_url="http://codat.test", transport=transport, trust_env=False)

    @property
    def is_holding(self) -> bool:
        """Whether a request is still on its way."""
        return bool(self._held)

    def deliver(self) -> None:
        """Let what was held up arrive: nobody hears the answer."""
        for _, maker, request in self._held:
            self._pass_on(request, maker)
        self._held.clear()

    def deliver_before(self, moment: datetime) -> None:
        """Let arrive what does so before ``moment``, at the latest."""
        if any(latest <= moment for latest, _, _ in self._held):
            self.deliver()

    def _handle(self, request: httpx.Request) -> httpx.Response:
        fates = _OF_A_READ if request.method == "GET" else _OF_A_WRITE
        name = f"{request.method} {request.url.path.rpartition('/')[2]}"
        answer: httpx.Response = outside(Call(name, partial(self._attempt, request), fates))
        return answer

    def _attempt(self, request: httpx.Request, fate: Fate) -> httpx.Response:
        self._clock.pass_by(CALL_TAKES)
        maker = threading.current_thread().name
        if fate is Fate.LATE:
            self._held.append((self._clock.now() + _LATEST, maker, request))
            self._clock.pass_by(_PATIENCE)
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
