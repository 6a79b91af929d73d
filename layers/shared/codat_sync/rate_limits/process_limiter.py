"""How fast this process may call Codat, so that all of them together keep within Codat's limits.

Codat allows 10 requests at once for one company and 1,000 a minute from one address, which Lambdas share
(https://docs.codat.io/using-the-api/rate-limits). Both limits are divided among the processes that may run at once,
whose number the template bounds: nothing has to be counted in a place that all share.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Of Codat's 10 and 1,000: the rest is for what people ask for, for other functions, and for clocks that differ.
_AT_ONCE = 8
_PER_MINUTE = 640


class ProcessLimiter:
    """At most ``at_once`` calls at a time, and never two begun within ``60 / per_minute`` seconds."""

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
        """Return the pace of one of ``processes`` that may run at once, 8 at most."""
        return cls(at_once=max(1, _AT_ONCE // processes), per_minute=_PER_MINUTE / processes)

    @contextmanager
    def acquire(self, _company_id: str | None = None) -> Iterator[None]:
        """Wait for one's turn, and keep it for as long as the call takes, whatever company it is about."""
        with self._slots:
            self._sleep(self._wait())
            yield

    def _wait(self) -> float:
        """Take the next free moment, and return how many seconds it is away.

        Nothing is saved up while nobody calls: processes that take each other's place never add up to a burst.
        """
        with self._lock:
            now = self._clock()
            begin = max(now, self._next)
            self._next = begin + self._interval
            return begin - now
