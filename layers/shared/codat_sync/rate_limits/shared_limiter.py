"""How fast functions may call Codat whose number nothing bounds: they share what the workers leave, in SyncTable.

Codat allows 10 requests at once for one company and 1,000 a minute from one address
(https://docs.codat.io/using-the-api/rate-limits). The workers keep to 8 and 640 (``process_limiter``). Here a call
takes one of two places of its company, leased so that a crash gives it back, and one of a number for the minute: two
small writes before it and one after.
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
    """At most two calls at a time for each company, and 150 a minute in all, over all processes that use it."""

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
        self._per_minute = per_minute  # of all that share it: who asks for less leaves the rest to the others

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
            for slot in (f"slot{number}" for number in range(_SLOTS)):
                key = slots_key(company_id)
                if self._table.acquire_lease(key, slot, until, free_before=format_timestamp(now), expires_at=at):
                    return slot, until
            self._sleep(_WAIT * random.uniform(0.5, 1.5))  # noqa: S311 - to spread them only
        raise RateLimitExceededError(f"all {_SLOTS} places of company {company_id} are taken")

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
            return  # The lease had ended, and another has the place.
