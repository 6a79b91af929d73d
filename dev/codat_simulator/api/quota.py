"""Enforce Codat's daily quota of requests."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from math import ceil
from threading import Lock

from dev.codat_simulator.api.errors import CodatApiError


class DailyQuota:
    """Counts requests against a limit, from one midnight UTC to the next."""

    def __init__(self, now: Callable[[], datetime], limit: Callable[[], int]) -> None:
        self._now = now
        self._limit = limit
        self._lock = Lock()
        self._used = 0
        self._day = now().astimezone(UTC).date()

    @property
    def remaining(self) -> int:
        """The number of requests left today."""
        with self._lock:
            return self._left()

    def leave(self, remaining: int) -> None:
        """Set the number of requests left today."""
        with self._lock:
            self._left()
            self._used = self._limit() - remaining

    def spend(self) -> None:
        """Count a request; raises a 429 when none are left."""
        with self._lock:
            if self._left() == 0:
                wait = ceil((self._reset() - self._now()).total_seconds())
                raise CodatApiError(429, "TooManyRequests", "True", headers={"Retry-After": str(wait)})
            self._used += 1

    def headers(self) -> dict[str, str]:
        """Return the rate-limit headers that Codat adds to every response."""
        with self._lock:
            return {
                "X-Rate-Limit-Limit": str(self._limit()),
                "X-Rate-Limit-Remaining": str(self._left()),
                "X-Rate-Limit-Reset": self._reset().isoformat().replace("+00:00", "Z"),
            }

    def _left(self) -> int:
        today = self._now().astimezone(UTC).date()
        if today != self._day:
            self._day, self._used = today, 0
        return max(0, self._limit() - self._used)

    def _reset(self) -> datetime:
        return _midnight(self._now().astimezone(UTC).date() + timedelta(days=1))


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
