"""Reconcile's share of the day's quota."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, cast

import pytest

from codat_sync.rate_limits.daily_budget import BudgetedLimiter, DailyBudget, released_budget
from codat_sync.rate_limits.errors import DailyBudgetExhaustedError, RateLimitExceededError
from codat_sync.rate_limits.gate import SharedGate
from codat_sync.rate_limits.quota import Quota, next_reset
from tests.support.tables.fake_table import FakeTable

if TYPE_CHECKING:
    from codat_sync.aws.dynamodb import Table

_NOON = datetime(2026, 11, 24, 11, 30, tzinfo=UTC)


def _quota(remaining: int, limit: int = 10_000, at: datetime = _NOON) -> Quota:
    return Quota(remaining, limit, next_reset(at), at)


@pytest.mark.parametrize(
    ("quota", "now", "requests"),
    [
        (_quota(9_000), _NOON, 500),  # half of the day, half of a tenth
        (_quota(9_000), _NOON.replace(hour=0), 41),
        (_quota(9_000), _NOON.replace(hour=23), 1_000),
        (_quota(1_000), _NOON, 0),  # little is left: it is for others
        (_quota(1_000), _NOON + timedelta(days=1), 500),  # that was yesterday
        (None, _NOON, 50),  # nobody knows yet: Codat allows a thousand at least
    ],
)
def test_the_share_is_released_by_the_hour(quota: Quota | None, now: datetime, requests: int) -> None:
    """A tenth of the day's quota, in a day."""
    assert released_budget(quota, now, 10) == requests


def _budget(now: datetime = _NOON) -> DailyBudget:
    table = cast("Table", FakeTable())
    gate = SharedGate(table, lambda: now)
    gate.record_quota(_quota(9_000))
    return DailyBudget(table, gate, lambda: now, percent=10)


def test_no_more_is_taken_than_is_there() -> None:
    """Who wants more gets what is left."""
    budget = _budget()
    assert [budget.reserve(300), budget.reserve(300), budget.reserve(300)] == [300, 200, 0]


class _Turns:
    """Turns of which the first ones are not to be had."""

    def __init__(self, busy: int) -> None:
        self.busy = busy
        self.taken = 0

    @contextmanager
    def acquire(self, _company_id: str | None) -> Iterator[None]:
        if self.busy:
            self.busy -= 1
            raise RateLimitExceededError("busy")
        yield
        self.taken += 1


def test_a_turn_is_counted_and_waited_for() -> None:
    """Wait for up to a minute; then the run ends."""
    waited: list[float] = []
    limiter = _Turns(busy=3)
    with BudgetedLimiter(_budget(), limiter, waited.append).acquire("company"):
        assert len(waited) == 3
    assert limiter.taken == 1
    with (
        pytest.raises(RateLimitExceededError),
        BudgetedLimiter(_budget(), _Turns(busy=99), waited.append).acquire("company"),
    ):
        pass
    assert 60 <= sum(waited[3:]) <= 65


def test_without_a_daily_budget_no_call_is_made() -> None:
    """Nothing is asked of Codat."""
    budget, limiter = _budget(), _Turns(busy=0)
    budget.reserve(1_000)
    with pytest.raises(DailyBudgetExhaustedError), BudgetedLimiter(budget, limiter).acquire("company"):
        pass
    assert limiter.taken == 0
