"""Limit this process's rate of calls, so that all processes together keep within Codat's limits.

Codat allows 10 concurrent requests per company and 1,000 a minute per IP address, which Lambdas share
(https://docs.codat.io/using-the-api/rate-limits). Both limits are divided among the concurrent processes, whose
number the template bounds: no shared counter is needed.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Of Codat's 10 and 1,000: the rest is for interactive calls, other functions and clock skew.
_AT_ONCE = 8
_PER_MINUTE = 640


class ProcessLimiter:
    """Allow at most ``at_once`` concurrent calls, started at least ``60 / per_minute`` seconds apart."""

    def __init__(
        self,
        *,
        at_once: int,
        per_minute: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.at_once = at_once
        self.per_minute = per_minute
        self._slots = threading.BoundedSemaphore(at_once)
        self._interval = 60 / per_minute
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._next = clock()

    @classmethod
    def for_processes(cls, processes: int) -> "ProcessLimiter":
        """Return the limiter for one of up to ``processes`` concurrent processes (8 at most)."""
        return cls(at_once=max(1, _AT_ONCE // processes), per_minute=_PER_MINUTE / processes)

    @contextmanager
    def acquire(self, _company_id: str | None = None) -> Iterator[None]:
        """Wait for a slot, and hold it for the duration of the call, whatever its company."""
        with self._slots:
            self._sleep(self._wait())
            yield

    def _wait(self) -> float:
        """Reserve the next free start time, and return how many seconds it is away.

        Idle time is not credited, so that processes that replace each other never add up to a burst.
        """
        with self._lock:
            now = self._clock()
            begin = max(now, self._next)
            self._next = begin + self._interval
            return begin - now
