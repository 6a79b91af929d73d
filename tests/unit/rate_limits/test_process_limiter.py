"""Codat's limits, divided."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from codat_sync.rate_limits.process_limiter import ProcessLimiter
from dev.waiting import PATIENCE_SECONDS


class Time:
    """A clock that advances only during sleeps."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def _paced(calls: int, limiter: ProcessLimiter) -> None:
    for _ in range(calls):
        with limiter.acquire():
            pass


def test_calls_are_begun_no_faster_than_the_pace() -> None:
    """One a second here: the first at once, the tenth nine seconds later."""
    time = Time()
    _paced(10, ProcessLimiter(at_once=1, per_minute=60, clock=time, sleep=time.sleep))
    assert time.seconds == 9


def test_nothing_is_saved_up_while_nobody_calls() -> None:
    """A process that starts in another's place adds nothing to what the other did."""
    time = Time()
    limiter = ProcessLimiter(at_once=1, per_minute=60, clock=time, sleep=time.sleep)
    time.seconds = 1000
    _paced(10, limiter)
    assert time.seconds == 1009


def test_no_more_calls_go_on_at_once_than_may() -> None:
    """Whoever comes next waits for one to end, even if that one fails."""
    limiter = ProcessLimiter(at_once=3, per_minute=1_000_000)
    going, most, lock = 0, 0, threading.Lock()
    barrier = threading.Barrier(3, timeout=PATIENCE_SECONDS)

    def call(number: int) -> None:
        nonlocal going, most
        with limiter.acquire():
            with lock:
                going += 1
                most = max(most, going)
            if number < 3:
                barrier.wait()  # three at once do get in
            with lock:
                going -= 1
            raise ConnectionError

    with ThreadPoolExecutor(10) as pool:
        calls = [pool.submit(call, number) for number in range(30)]
    assert all(isinstance(done.exception(), ConnectionError) for done in calls)
    assert most == 3


@pytest.mark.parametrize("processes", range(2, 9))
def test_all_processes_together_keep_within_codats_limits(processes: int) -> None:
    """10 at once for a company and 1,000 a minute, with a part left for people and other functions."""
    time = Time()
    limiter = ProcessLimiter.for_processes(processes)
    assert limiter.at_once * processes <= 8
    assert limiter.at_once >= 1
    paced = ProcessLimiter(at_once=1, per_minute=limiter.per_minute, clock=time, sleep=time.sleep)
    calls = 0
    while time.seconds < 60:
        _paced(1, paced)
        calls += 1
    assert calls * processes <= 640 + 2 * processes
