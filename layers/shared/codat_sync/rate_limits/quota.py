"""Decide whether Codat may be called, from its quota and its rejections. Pure rules.

Codat has a daily quota of requests and returns 429 beyond it; every response reports the remainder
(https://docs.codat.io/using-the-api/rate-limits). One gate, shared by all callers, closes when Codat rejects calls.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum

from codat_sync.core.timestamps import EARLIEST, parse_timestamp

# A share of the daily quota is reserved for interactive calls, which can't wait until tomorrow.
RESERVE = 0.05
# Defaults if Codat gives no duration: for a 429, and for rejections that need an operator. A rejected key (401) affects
# every call; payment or access (402, 403) may affect one company only, which must not block all others.
_QUOTA_PAUSE = timedelta(minutes=1)
_REFUSED_PAUSES = {401: timedelta(minutes=15), 402: timedelta(minutes=2), 403: timedelta(minutes=2)}
# A pause for concurrent requests may be short. While Codat keeps answering 429 as soon as it is over, it doubles, up to
# _QUOTA_PAUSE; after that time without a 429, it starts over.
_MIN_PAUSE = timedelta(seconds=5)
# No limit of Codat's lasts longer than a day; longer values in headers are ignored.
MAX_PAUSE = timedelta(hours=25)
_JUST_PAST = timedelta(hours=1)
_DIGITS = re.compile(r"[0-9]{1,9}", re.ASCII)


class ClosureReason(StrEnum):
    """Why the gate is closed."""

    QUOTA = "quota"  # the daily quota is used up
    RATE = "rate"  # too many concurrent requests, or too many in a minute
    RESERVE = "reserve"  # the rest is reserved for interactive calls
    REFUSED = "refused"  # the key, the account or the access is rejected


@dataclass(frozen=True, slots=True)
class Closure:
    """A period without calls, and its reason. ``since`` is its beginning, if it has begun."""

    reason: ClosureReason
    until: datetime
    since: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Quota:
    """Codat's reported daily quota, and when it was reported."""

    remaining: int
    limit: int
    resets_at: datetime
    as_of: datetime

    @property
    def percent_remaining(self) -> float:
        """Return the remaining share of the daily quota, in percent."""
        return 100 * self.remaining / self.limit if self.limit else 0

    @property
    def is_scarce(self) -> bool:
        """Return whether so little is left that calls that nobody waits for are not made."""
        return self.remaining <= self.limit * 2 * RESERVE

    @property
    def is_at_reserve(self) -> bool:
        """Return whether the rest is reserved for interactive calls."""
        return self.remaining <= self.limit * RESERVE


@dataclass(frozen=True, slots=True)
class Gate:
    """The gate's state. ``changed_at`` is the time of the event that last closed or opened it."""

    closure: Closure | None = None
    changed_at: datetime | None = None
    quota: Quota | None = None

    def closure_at(self, now: datetime, *, is_interactive: bool = False) -> Closure | None:
        """Return why and until when calls are blocked, None if they are allowed.

        Interactive calls are also allowed where the worst case is another rejection: this is how an operator finds out
        whether a rotated key works.
        """
        closure = self.closure
        if closure and now < closure.until and not (is_interactive and closure.reason is ClosureReason.REFUSED):
            return closure
        quota = self.quota
        if is_interactive or quota is None or not quota.is_at_reserve or now >= quota.resets_at:
            return None
        # A quota reported before the gate was opened is outdated.
        is_superseded = self.changed_at is not None and quota.as_of <= self.changed_at
        return None if is_superseded else Closure(ClosureReason.RESERVE, quota.resets_at)

    def with_closure(self, closure: Closure | None, at: datetime) -> "Gate | None":
        """Return the gate closed or opened by an event at ``at``; None if a later event has changed it.

        A shorter closure never shortens a longer one.
        """
        if self.changed_at and at <= self.changed_at:
            return None
        if closure:
            until = (
                max(closure.until, at + self._next_pause(at)) if closure.reason is ClosureReason.RATE else closure.until
            )
            closure = replace(closure, until=until, since=at)
        if closure and self.closure and self.closure.until > max(closure.until, at):
            closure = self.closure
        return replace(self, closure=closure, changed_at=at)

    def _next_pause(self, at: datetime) -> timedelta:
        """Return the least pause after a 429: twice the previous one, if that has just ended."""
        previous = self.closure
        if previous is None or previous.since is None or previous.reason is not ClosureReason.RATE:
            return _MIN_PAUSE
        if not previous.until <= at < previous.until + _QUOTA_PAUSE:
            return _MIN_PAUSE
        return min(2 * (previous.until - previous.since), _QUOTA_PAUSE)

    def with_quota(self, quota: Quota) -> "Gate | None":
        """Return the gate with ``quota``; None if it already has a newer one."""
        if self.quota and quota.as_of <= self.quota.as_of:
            return None
        return replace(self, quota=quota)


@dataclass(frozen=True, slots=True)
class QuotaEvent:
    """A webhook that reports that the quota is used up or has been reset."""

    is_reached: bool
    remaining: int | None
    limit: int | None
    expires_at: datetime | None
    at: datetime

    @property
    def closure(self) -> Closure | None:
        """Return the closure until the event's reset time, or else until the next reset; None if it is a reset."""
        if not self.is_reached:
            return None
        if self.expires_at and EARLIEST <= self.expires_at <= self.at + MAX_PAUSE:
            return Closure(ClosureReason.QUOTA, self.expires_at)
        return Closure(ClosureReason.QUOTA, next_reset(self.at))

    @property
    def quota(self) -> Quota | None:
        """Return the remaining quota, None if the event does not report it."""
        if self.remaining is None or self.limit is None:
            return None
        return Quota(self.remaining, self.limit, next_reset(self.at), self.at)


def read_quota(headers: Mapping[str, str], now: datetime) -> Quota | None:
    """Read the remaining quota from a response's headers. Returns None if they are missing or invalid."""
    remaining, limit = _number(headers, "X-Rate-Limit-Remaining"), _number(headers, "X-Rate-Limit-Limit")
    if remaining is None or limit is None:
        return None
    resets_at = _parse_time(headers.get("X-Rate-Limit-Reset"))
    # A reset in the very recent past is accepted: Codat's clock is behind ours, and the reset is imminent.
    if resets_at is None or not now - _JUST_PAST <= resets_at <= now + MAX_PAUSE:
        resets_at = next_reset(now)
    return Quota(remaining, limit, resets_at, now)


def closure_from_429(headers: Mapping[str, str], now: datetime) -> Closure:
    """Return the closure for a 429: until the reset if the quota is used up, else for its ``Retry-After``."""
    quota = read_quota(headers, now)
    retry_at = _retry_at(headers.get("Retry-After"), now)
    if quota and quota.remaining == 0 and quota.resets_at > now:
        return Closure(ClosureReason.QUOTA, max(quota.resets_at, retry_at or quota.resets_at))
    return Closure(ClosureReason.RATE, retry_at or now + _QUOTA_PAUSE)


def closure_from_refusal(status: int, now: datetime) -> Closure:
    """Return the closure for a 401, 402 or 403."""
    return Closure(ClosureReason.REFUSED, now + _REFUSED_PAUSES[status])


def next_reset(at: datetime) -> datetime:
    """Return the next 00:00 UTC, when Codat's quota is reset."""
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def _retry_at(retry_after: str | None, now: datetime) -> datetime | None:
    """Parse ``Retry-After`` (seconds or a date). A time that is past or more than a day away counts as absent."""
    if not retry_after:
        return None
    if _DIGITS.fullmatch(retry_after):
        moment: datetime | None = now + timedelta(seconds=int(retry_after))
    else:
        moment = _parse_time(retry_after)
    if moment is None or not now < moment <= now + MAX_PAUSE:
        return None
    return max(moment, now + _MIN_PAUSE)


def _parse_time(text: str | None) -> datetime | None:
    """Parse a header's time in Codat's or HTTP's format."""
    moment = parse_timestamp(text)
    if moment or not text:
        return moment
    try:
        parsed = parsedate_to_datetime(text)
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _number(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name, "")
    return int(text) if _DIGITS.fullmatch(text) else None
