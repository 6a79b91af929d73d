"""The pace of functions whose number nothing bounds."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, cast

import pytest

from codat_sync.rate_limits.errors import RateLimitExceededError
from codat_sync.rate_limits.shared_limiter import SharedLimiter
from tests.support.tables.fake_table import FakeTable

if TYPE_CHECKING:
    from codat_sync.aws.dynamodb import Table


class World:
    """A table, and the time that processes share; who sleeps lets it pass."""

    def __init__(self) -> None:
        self.table = FakeTable()
        self.now = datetime(2026, 11, 24, 18, tzinfo=UTC)

    def process(self) -> SharedLimiter:
        return SharedLimiter(cast("Table", self.table), lambda: self.now, self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def test_two_calls_of_a_company_at_a_time_over_all_processes() -> None:
    """A third call waits a few seconds and is then rejected; other companies are not delayed."""
    world = World()
    with world.process().acquire("c"), world.process().acquire("c"):
        with pytest.raises(RateLimitExceededError), world.process().acquire("c"):
            pass
        with world.process().acquire("other"):
            pass
    with world.process().acquire("c"):
        pass


def test_a_slot_is_released_after_a_crash() -> None:
    """It is leased; and who is late does not give another's place back."""
    world = World()
    late, other = world.process().acquire("c"), world.process().acquire("c")
    late.__enter__()
    other.__enter__()
    world.now += timedelta(seconds=31)
    with world.process().acquire("c"), world.process().acquire("c"):
        late.__exit__(None, None, None)
        with pytest.raises(RateLimitExceededError), world.process().acquire("c"):
            pass


def test_no_more_than_so_many_a_minute() -> None:
    """Over all companies; the next minute begins anew."""
    world = World()
    for number in range(150):
        with world.process().acquire(f"c{number}"):
            pass
    with pytest.raises(RateLimitExceededError, match="this minute"), world.process().acquire("c"):
        pass
    world.now += timedelta(minutes=1)
    with world.process().acquire(None):
        pass
