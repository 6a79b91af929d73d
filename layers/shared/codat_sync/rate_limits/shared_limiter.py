"""Limit the calls of functions with unbounded concurrency: they share the workers' remainder through SyncTable.

Codat allows 10 concurrent requests per company and 1,000 a minute per IP address
(https://docs.codat.io/using-the-api/rate-limits). The workers use up to 8 and 640 (``process_limiter``). Here a call
takes one of its company's two slots, leased so that a crash releases it, and increments the minute's counter: two
small writes before the call and one after.
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from codat_sync.aws.dynamodb import Table
from codat_sync.aws.table_schema import minute_counter_key, slots_key
from codat_sync.core.errors import ConditionFailedError
from codat_sync.core.timestamps import format_timestamp
from codat_sync.rate_limits.errors import RateLimitExceededError

_SLOTS = 2
_PER_MINUTE = 150
# Longer than any call takes.
_LEASE = timedelta(seconds=30)
_TRIES = 12
_WAIT = 0.25  # seconds, on average
_RETENTION = timedelta(hours=1)


class SharedLimiter:
    """Allow two concurrent calls per company and 150 calls a minute in total, across all processes that use it."""

    def __init__(
        self,
        table: Table,
        now: Callable[[], datetime],
        sleep: Callable[[float], None] = time.sleep,
        *,
        per_minute: int = _PER_MINUTE,
    ) -> None:
        self._table = table
        self._now = now
        self._sleep = sleep
        self._per_minute = per_minute  # across all sharers: a lower limit leaves the rest to the others

    @contextmanager
    def acquire(self, company_id: str | None) -> Iterator[None]:
        """Wait a few seconds for a slot, and hold it for the duration of the call.

        Raises RateLimitExceededError.
        """
        slot, until = self._acquire_slot(company_id or "none")
        try:
            self._count_call()
            yield
        finally:
            self._release_slot(company_id or "none", slot, until)

    def _acquire_slot(self, company_id: str) -> tuple[str, str]:
        for _ in range(_TRIES):
            now = self._now()
            until, at = format_timestamp(now + _LEASE), self._expiry(now)
            # A lease beyond the second time was taken by a process whose clock is wrong.
            current = format_timestamp(now), format_timestamp(now + 2 * _LEASE)
            for slot in (f"slot{number}" for number in range(_SLOTS)):
                key = slots_key(company_id)
                if self._table.acquire_lease(key, slot, until, free_outside=current, expires_at=at):
                    return slot, until
            self._sleep(_WAIT * random.uniform(0.5, 1.5))  # noqa: S311 - jitter only
        raise RateLimitExceededError(f"all {_SLOTS} slots of company {company_id} are taken")

    def _count_call(self) -> None:
        now = self._now()
        if not self._table.increment_counter(minute_counter_key(now), self._per_minute, self._expiry(now)):
            raise RateLimitExceededError(f"{self._per_minute} calls were made this minute")

    def _expiry(self, now: datetime) -> int:
        return int((now + _RETENTION).timestamp())

    def _release_slot(self, company_id: str, slot: str, until: str) -> None:
        try:
            self._table.update(slots_key(company_id), {slot: None}, {slot: until})
        except ConditionFailedError:
            return  # The lease expired, and another call holds the slot.
