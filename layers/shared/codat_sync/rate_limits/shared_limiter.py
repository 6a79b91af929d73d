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
from codat_sync.aws.table_schema import minute_key, places_key
from codat_sync.core.errors import ConditionFailedError
from codat_sync.core.timestamps import format_instant
from codat_sync.rate_limits.errors import TooBusyError

_PLACES = 2
_PER_MINUTE = 150
# Longer than any call takes.
_LEASE = timedelta(seconds=30)
_TRIES = 12
_WAIT = 0.25  # seconds, on average
_KEPT = timedelta(hours=1)


class SharedPace:
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
    def turn(self, company_id: str | None) -> Iterator[None]:
        """Wait a few seconds at most for one's turn, and keep it for as long as the call takes. Raises TooBusyError."""
        place, until = self._take_place(company_id or "none")
        try:
            self._take_number()
            yield
        finally:
            self._give_back(company_id or "none", place, until)

    def _take_place(self, company_id: str) -> tuple[str, str]:
        for _ in range(_TRIES):
            now = self._now()
            until, at = format_instant(now + _LEASE), self._expiry(now)
            for place in (f"place{number}" for number in range(_PLACES)):
                key = places_key(company_id)
                if self._table.take(key, place, until, free_before=format_instant(now), expires_at=at):
                    return place, until
            self._sleep(_WAIT * random.uniform(0.5, 1.5))  # noqa: S311 - to spread them only
        raise TooBusyError(f"all {_PLACES} places of company {company_id} are taken")

    def _take_number(self) -> None:
        now = self._now()
        if not self._table.count_up(minute_key(now), self._per_minute, self._expiry(now)):
            raise TooBusyError(f"{self._per_minute} calls were made this minute")

    def _expiry(self, now: datetime) -> int:
        return int((now + _KEPT).timestamp())

    def _give_back(self, company_id: str, place: str, until: str) -> None:
        try:
            self._table.update(places_key(company_id), {place: None}, {place: until})
        except ConditionFailedError:
            return  # The lease had ended, and another has the place.
