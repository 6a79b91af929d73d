"""Reconcile's share of the day's quota, counted in SyncTable: nothing that it causes goes beyond it.

It is released by the hour, so that what a busy morning takes does not leave the evening with nothing.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING

from codat_sync.aws.dynamodb import Table
from codat_sync.aws.table_schema import ration_key
from codat_sync.rate_limits.errors import RationUsedError, TooBusyError
from codat_sync.rate_limits.gate import SharedGate
from codat_sync.rate_limits.quota import RESERVE, Quota

if TYPE_CHECKING:
    from codat_sync.rate_limits.limiter import Turns

# Codat's limit for a client without companies (https://docs.codat.io/using-the-api/rate-limits): until it says more.
_LEAST_LIMIT = 1000
# While so little of the day's quota is left, it is for what can't wait.
_LEFT_TO_OTHERS = 2 * RESERVE
_KEPT = timedelta(days=8)
_MOST_RACES = 5
# In seconds. Together a minute: then calls of another one are counted.
_WAIT = 5.0
_MOST_WAITS = 13
_HOURS = 24


class Ration:
    """What reconcile may still use today, in requests to Codat. Safe to share between threads."""

    def __init__(self, table: Table, gate: SharedGate, now: Callable[[], datetime], *, percent: int) -> None:
        self._table = table
        self._gate = gate
        self._now = now
        self._percent = percent

    def take(self, wanted: int) -> int:
        """Take up to so many requests, and return how many that are."""
        now = self._now().astimezone(UTC)
        most = released(self._gate.state.quota, now, self._percent)
        for _ in range(_MOST_RACES):
            used = self._table.get_attribute(ration_key(now), "number")
            taken = min(wanted, most - int(str(used or 0)))
            if taken <= 0:
                return 0
            if self._table.count_up(ration_key(now), most, int((now + _KEPT).timestamp()), by=taken):
                return taken
        return 0


class RationedTurns:
    """Turns of ``turns``, each of which is counted: so no call is made that is not."""

    def __init__(self, ration: Ration, turns: "Turns", sleep: Callable[[float], None] = time.sleep) -> None:
        self._ration = ration
        self._turns = turns
        self._sleep = sleep

    @contextmanager
    def turn(self, company_id: str | None) -> Iterator[None]:
        """Wait for one's turn, a minute at most, and keep it. Raises RationUsedError and TooBusyError."""
        if not self._ration.take(1):
            raise RationUsedError("what may be used of the day's quota by now is used")
        with self._entered(company_id):
            yield

    def _entered(self, company_id: str | None) -> ExitStack:
        entered = ExitStack()
        for attempt in count(1):
            try:
                entered.enter_context(self._turns.turn(company_id))
            except TooBusyError:
                if attempt == _MOST_WAITS:
                    raise
                self._sleep(_WAIT)
            else:
                break
        return entered


def released(quota: Quota | None, now: datetime, percent: int) -> int:
    """Return how many requests reconcile may have made in all by ``now``, of a day's quota."""
    if quota and now < quota.resets_at and quota.remaining <= quota.limit * _LEFT_TO_OTHERS:
        return 0
    limit = quota.limit if quota else _LEAST_LIMIT
    return limit * percent * min(now.hour + 1, _HOURS) // (100 * _HOURS)
