"""Limit reconcile, and all calls that it causes, to its share of the daily quota, counted in SyncTable.

The budget is released by the hour, so that a busy morning does not use up the evening's share.
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
from codat_sync.rate_limits.quota import Quota

if TYPE_CHECKING:
    from codat_sync.rate_limits.limiter import RateLimiter

# Codat's limit for a client without companies (https://docs.codat.io/using-the-api/rate-limits), until it reports one.
_MIN_LIMIT = 1000
_RETENTION = timedelta(days=8)
_MAX_ATTEMPTS = 5
# In seconds. All waits add up to a minute: the next minute has its own counter.
_WAIT = 5.0
_MAX_WAITS = 13
_HOURS = 24


class DailyBudget:
    """Reconcile's remaining requests to Codat for today. Safe to share between threads."""

    def __init__(self, table: Table, gate: SharedGate, now: Callable[[], datetime], *, percent: int) -> None:
        self._table = table
        self._gate = gate
        self._now = now
        self._percent = percent

    def reserve(self, requested: int) -> int:
        """Reserve up to ``requested`` requests and return how many were reserved."""
        now = self._now().astimezone(UTC)
        most = released_budget(self._gate.state.quota, now, self._percent)
        for _ in range(_MAX_ATTEMPTS):
            used = self._table.get_attribute(daily_budget_key(now), "number")
            granted = min(requested, most - int(str(used or 0)))
            if granted <= 0:
                return 0
            if self._table.increment_counter(
                daily_budget_key(now), most, int((now + _RETENTION).timestamp()), by=granted
            ):
                return granted
        return 0


class BudgetedLimiter:
    """A rate limiter that counts each slot of ``limiter`` against the budget, so that no call goes uncounted."""

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
            raise DailyBudgetExhaustedError("the daily budget released so far is used up")
        with self._acquire_slot(company_id):
            yield

    def _acquire_slot(self, company_id: str | None) -> ExitStack:
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
    """Return how many of the day's requests reconcile may have made in total by ``now``."""
    if quota and now < quota.resets_at and quota.is_scarce:
        return 0
    limit = quota.limit if quota else _MIN_LIMIT
    return limit * percent * min(now.hour + 1, _HOURS) // (100 * _HOURS)
