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
from codat_sync.aws.table_schema import daily_budget_key
from codat_sync.rate_limits.errors import DailyBudgetExhaustedError, RateLimitExceededError
from codat_sync.rate_limits.gate import SharedGate
from codat_sync.rate_limits.quota import RESERVE, Quota

if TYPE_CHECKING:
    from codat_sync.rate_limits.limiter import RateLimiter

# Codat's limit for a client without companies (https://docs.codat.io/using-the-api/rate-limits): until it says more.
_MIN_LIMIT = 1000
# While so little of the day's quota is left, it is for what can't wait.
_RESERVED_FOR_OTHERS = 2 * RESERVE
_RETENTION = timedelta(days=8)
_MAX_ATTEMPTS = 5
# In seconds. Together a minute: then calls of another one are counted.
_WAIT = 5.0
_MAX_WAITS = 13
_HOURS = 24


class DailyBudget:
    """What reconcile may still use today, in requests to Codat. Safe to share between threads."""

    def __init__(self, table: Table, gate: SharedGate, now: Callable[[], datetime], *, percent: int) -> None:
        self._table = table
        self._gate = gate
        self._now = now
        self._percent = percent

    def reserve(self, wanted: int) -> int:
        """Take up to so many requests, and return how many that are."""
        now = self._now().astimezone(UTC)
        most = released_budget(self._gate.state.quota, now, self._percent)
        for _ in range(_MAX_ATTEMPTS):
            used = self._table.get_attribute(daily_budget_key(now), "number")
            taken = min(wanted, most - int(str(used or 0)))
            if taken <= 0:
                return 0
            if self._table.increment_counter(
                daily_budget_key(now), most, int((now + _RETENTION).timestamp()), by=taken
            ):
                return taken
        return 0


class BudgetedLimiter:
    """Turns of ``limiter``, each of which is counted: so no call is made that is not."""

    def __init__(
        self, budget: DailyBudget, limiter: "RateLimiter", sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._budget = budget
        self._limiter = limiter
        self._sleep = sleep

    @contextmanager
    def acquire(self, company_id: str | None) -> Iterator[None]:
        """Wait up to a minute for a slot, and hold it.

        Raises DailyBudgetExhaustedError and RateLimitExceededError.
        """
        if not self._budget.reserve(1):
            raise DailyBudgetExhaustedError("what may be used of the day's quota by now is used")
        with self._entered(company_id):
            yield

    def _entered(self, company_id: str | None) -> ExitStack:
        entered = ExitStack()
        for attempt in count(1):
            try:
                entered.enter_context(self._limiter.acquire(company_id))
            except RateLimitExceededError:
                if attempt == _MAX_WAITS:
                    raise
                self._sleep(_WAIT)
            else:
                break
        return entered


def released_budget(quota: Quota | None, now: datetime, percent: int) -> int:
    """Return how many requests reconcile may have made in all by ``now``, of a day's quota."""
    if quota and now < quota.resets_at and quota.remaining <= quota.limit * _RESERVED_FOR_OTHERS:
        return 0
    limit = quota.limit if quota else _MIN_LIMIT
    return limit * percent * min(now.hour + 1, _HOURS) // (100 * _HOURS)
