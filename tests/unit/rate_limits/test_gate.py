"""The gate, shared by several processes through one item of the table."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, cast

import pytest

from codat_sync.rate_limits.errors import GateClosedError
from codat_sync.rate_limits.gate import SharedGate
from codat_sync.rate_limits.quota import Closure, ClosureReason, Quota, QuotaEvent, closure_from_429
from tests.support.tables.fake_table import FakeTable

if TYPE_CHECKING:
    from codat_sync.aws.dynamodb import Table

_MIDNIGHT = datetime(2026, 11, 25, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)
_CLOSED = Closure(ClosureReason.QUOTA, _MIDNIGHT)


class World:
    """A table, and processes that share it and the time."""

    def __init__(self) -> None:
        self.table = FakeTable()
        self.now = datetime(2026, 11, 24, 18, tzinfo=UTC)

    def seconds(self) -> float:
        return self.now.timestamp()

    def process(self, *, is_interactive: bool = False) -> SharedGate:
        return SharedGate(
            cast("Table", self.table),
            lambda: self.now,
            is_interactive=is_interactive,
            clock=self.seconds,
        )

    def event(self, *, is_reached: bool, age: timedelta = timedelta(), remaining: int | None = None) -> QuotaEvent:
        limit = None if remaining is None else 2000
        return QuotaEvent(is_reached=is_reached, remaining=remaining, limit=limit, expires_at=None, at=self.now - age)


@pytest.fixture
def world() -> World:
    """Return one in which nothing was closed yet."""
    return World()


def _is_open(gate: SharedGate) -> bool:
    try:
        gate.require_open()
    except GateClosedError:
        return False
    return True


def test_what_one_closes_is_closed_for_all(world: World) -> None:
    """It applies at once to this process, and to others at their next read."""
    one, other = world.process(), world.process()
    assert _is_open(one)
    one.close(_CLOSED)
    assert not _is_open(one)
    assert not _is_open(world.process())
    with pytest.raises(GateClosedError, match=r"2026-11-25T00:00:00.000Z: quota") as raised:
        other.require_open()
    assert raised.value.closure == _CLOSED
    world.now = _MIDNIGHT
    assert _is_open(world.process())


def test_a_reset_opens_it_if_it_is_newer_than_what_closed_it(world: World) -> None:
    """A late one does not."""
    gate = world.process()
    gate.close(_CLOSED)
    world.now += _MINUTE
    assert not gate.apply_event(world.event(is_reached=False, age=2 * _MINUTE))
    assert not _is_open(gate)
    assert gate.apply_event(world.event(is_reached=False))
    assert _is_open(gate)
    assert _is_open(world.process())


def test_reached_closes_it_if_it_is_newer_than_what_opened_it(world: World) -> None:
    """And if the time that it names has not passed."""
    gate = world.process()
    assert not gate.apply_event(world.event(is_reached=True, age=timedelta(days=1)))
    assert gate.apply_event(world.event(is_reached=True, age=2 * _MINUTE))
    assert not _is_open(gate)
    assert gate.apply_event(world.event(is_reached=False, age=_MINUTE))
    assert not gate.apply_event(world.event(is_reached=True, age=2 * _MINUTE))
    assert _is_open(gate)


def test_a_reset_that_arrives_early_counts(world: World) -> None:
    """Events come in any order."""
    gate = world.process()
    assert gate.apply_event(world.event(is_reached=False, age=_MINUTE))
    assert not gate.apply_event(world.event(is_reached=True, age=2 * _MINUTE))
    assert _is_open(gate)


def test_a_reset_does_not_fix_a_rejected_key(world: World) -> None:
    """A rejection by Codat needs an operator."""
    gate = world.process()
    gate.close(Closure(ClosureReason.REFUSED, world.now + _MINUTE))
    world.now += timedelta(seconds=1)
    assert not gate.apply_event(world.event(is_reached=False))
    assert not _is_open(gate)
    assert _is_open(world.process(is_interactive=True))


def test_the_reserve_is_for_people_and_a_reset_gives_it_back(world: World) -> None:
    """Even one that does not say what is left."""
    gate = world.process()
    gate.record_quota(Quota(100, 2000, _MIDNIGHT, world.now))
    assert not _is_open(gate)
    assert not _is_open(world.process())
    assert _is_open(world.process(is_interactive=True))
    world.now += _MINUTE
    assert gate.apply_event(world.event(is_reached=False))
    assert _is_open(gate)
    assert _is_open(world.process())


def test_a_reset_says_what_is_left(world: World) -> None:
    """The gate knows then, and as of when."""
    gate = world.process()
    gate.record_quota(Quota(100, 2000, _MIDNIGHT, world.now))
    world.now += _MINUTE
    assert gate.apply_event(world.event(is_reached=False, remaining=1900))
    assert world.process().state.quota == Quota(1900, 2000, _MIDNIGHT, world.now)


def test_the_remaining_quota_is_shared_now_and_then(world: World) -> None:
    """Not with each call, as each would be a write. What stops the others is shared at once."""
    gate = world.process()
    for remaining in range(1500, 1400, -1):
        world.now += timedelta(seconds=0.1)
        gate.record_quota(Quota(remaining, 2000, _MIDNIGHT, world.now))
    assert world.table.writes == 1
    assert gate.state.quota
    assert gate.state.quota.remaining == 1401
    world.now += timedelta(seconds=30)
    gate.record_quota(Quota(1400, 2000, _MIDNIGHT, world.now))
    assert world.table.writes == 2
    world.now += timedelta(seconds=1)
    gate.record_quota(Quota(99, 2000, _MIDNIGHT, world.now))
    assert world.table.writes == 3
    assert not _is_open(world.process())


def test_two_that_change_it_at_once_both_get_their_say(world: World) -> None:
    """The later one counts, whoever writes last."""
    early, late = world.process(), world.process()
    assert _is_open(early)
    assert _is_open(late)
    first = world.event(is_reached=True)
    world.now += _MINUTE
    late.close(Closure(ClosureReason.RATE, world.now + 2 * _MINUTE))
    assert not early.apply_event(first)  # it is older
    closure = world.process().state.closure
    assert closure
    assert closure.reason is ClosureReason.RATE


def test_what_is_left_is_not_lost_when_another_was_quicker(world: World) -> None:
    """The newest count stands."""
    one, other = world.process(), world.process()
    assert _is_open(one)
    assert _is_open(other)
    one.record_quota(Quota(1500, 2000, _MIDNIGHT, world.now))
    world.now += _MINUTE
    other.record_quota(Quota(1400, 2000, _MIDNIGHT, world.now))
    assert other.state.quota
    assert other.state.quota.remaining == 1400
    world.now += _MINUTE
    other.record_quota(Quota(1300, 2000, _MIDNIGHT, world.now))
    state = world.process().state
    assert state.quota
    assert state.quota.remaining == 1300


@pytest.mark.parametrize(
    "retry_after", ["0", "1", "-5", "0001-01-01T00:00:00", "Tue, 24 Nov 2026 17:00:00 GMT", "999999999", ""]
)
@pytest.mark.parametrize("late", [0, 1, 3])
def test_a_codat_that_answers_nothing_but_429_gets_a_handful_of_calls(
    world: World, retry_after: str, late: int
) -> None:
    """In ten minutes, from two processes; answers to ``late`` more calls arrive while the gate is closed already."""
    processes, calls = [world.process(), world.process()], 0
    until = world.now + 10 * _MINUTE
    while world.now < until:
        for process in processes:
            if _is_open(process):
                for delay in range(late + 1):
                    calls += delay == 0
                    at = world.now
                    world.now += timedelta(milliseconds=delay)
                    process.close(closure_from_429({"Retry-After": retry_after}, at))
            world.now += timedelta(seconds=1.1)  # So the other process knows.
    assert 5 <= calls <= 15


def test_a_pause_starts_over_once_codat_has_answered_for_a_while(world: World) -> None:
    """One 429 now and then costs a few seconds."""
    gate = world.process()
    for _ in range(5):
        gate.close(closure_from_429({"Retry-After": "1"}, world.now))
        world.now += timedelta(seconds=5)
        assert _is_open(gate)
        world.now += 2 * _MINUTE
