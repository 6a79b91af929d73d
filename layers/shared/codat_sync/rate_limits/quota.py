"""Whether Codat may be called at all: its quota, its refusals, and what follows from them. Rules only.

Codat allows a number of requests a day, and answers 429 beyond it; every answer says what is left
(https://docs.codat.io/using-the-api/rate-limits). One gate, shared by all who call Codat, is closed when it refuses.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum

from codat_sync.core.timestamps import parse_timestamp

# A part of the day's quota is kept for people, whose questions can't wait until tomorrow.
RESERVE = 0.05
# When Codat does not say how long: for a 429, and for what a person has to mend. A key that is refused (401) is so for
# every call; an account or an access (402, 403) may be refused for one company, which must not keep all others waiting.
_QUOTA_PAUSE = timedelta(minutes=1)
_REFUSED_PAUSES = {401: timedelta(minutes=15), 402: timedelta(minutes=2), 403: timedelta(minutes=2)}
# No limit of Codat's lasts longer than a day; a header that says so is not believed.
_MAX_PAUSE = timedelta(hours=25)
_JUST_PAST = timedelta(hours=1)
_DIGITS = re.compile(r"[0-9]{1,9}", re.ASCII)


class ClosureReason(StrEnum):
    """Why the gate is closed."""

    QUOTA = "quota"  # the day's requests are used up
    RATE = "rate"  # too many at once, or in a minute
    RESERVE = "reserve"  # what is left is for people
    REFUSED = "refused"  # the key, the account or the access is not accepted


@dataclass(frozen=True, slots=True)
class Closure:
    """That no call is made until a moment."""

    reason: ClosureReason
    until: datetime


@dataclass(frozen=True, slots=True)
class Quota:
    """What Codat said of the day's requests, and when."""

    remaining: int
    limit: int
    resets_at: datetime
    as_of: datetime

    @property
    def percent_remaining(self) -> float:
        """How much of the day's requests is left, in percent."""
        return 100 * self.remaining / self.limit if self.limit else 0

    @property
    def is_at_reserve(self) -> bool:
        """Whether what is left is for people."""
        return self.remaining <= self.limit * RESERVE


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether Codat may be called. ``changed_at`` is the time of what closed or opened it last."""

    closure: Closure | None = None
    changed_at: datetime | None = None
    quota: Quota | None = None

    def closure_at(self, now: datetime, *, is_interactive: bool = False) -> Closure | None:
        """Return why and until when no call may be made, None if one may.

        A person's call is also let through where that costs nothing but a refusal: it is how a person finds out whether
        a key that was exchanged is good.
        """
        closure = self.closure
        if closure and now < closure.until and not (is_interactive and closure.reason is ClosureReason.REFUSED):
            return closure
        quota = self.quota
        if is_interactive or quota is None or not quota.is_at_reserve or now >= quota.resets_at:
            return None
        # What was left before the gate was opened is not what is left now.
        is_superseded = self.changed_at is not None and quota.as_of <= self.changed_at
        return None if is_superseded else Closure(ClosureReason.RESERVE, quota.resets_at)

    def with_closure(self, closure: Closure | None, at: datetime) -> "Gate | None":
        """Return the gate closed or opened by what happened at ``at``; None if it was changed by something later.

        What closes it for a shorter time than it is closed for already does not shorten that.
        """
        if self.changed_at and at <= self.changed_at:
            return None
        if closure and self.closure and self.closure.until > max(closure.until, at):
            closure = self.closure
        return replace(self, closure=closure, changed_at=at)

    def with_quota(self, quota: Quota) -> "Gate | None":
        """Return the gate with a newer ``quota``; None if it knows one that is newer still."""
        if self.quota and quota.as_of <= self.quota.as_of:
            return None
        return replace(self, quota=quota)


@dataclass(frozen=True, slots=True)
class QuotaEvent:
    """A webhook that says that the quota was used up, or that it is there again."""

    is_reached: bool
    remaining: int | None
    limit: int | None
    expires_at: datetime | None
    at: datetime

    @property
    def closure(self) -> Closure | None:
        """What the event closes: the gate until the time that it names, or else until the next reset."""
        if not self.is_reached:
            return None
        if self.expires_at and self.expires_at <= self.at + _MAX_PAUSE:
            return Closure(ClosureReason.QUOTA, self.expires_at)
        return Closure(ClosureReason.QUOTA, next_reset(self.at))

    @property
    def quota(self) -> Quota | None:
        """What the event says is left, if it does."""
        if self.remaining is None or self.limit is None:
            return None
        return Quota(self.remaining, self.limit, next_reset(self.at), self.at)


def read_quota(headers: Mapping[str, str], now: datetime) -> Quota | None:
    """Return what an answer's headers say is left, None if they do not, or not understandably."""
    remaining, limit = _number(headers, "X-Rate-Limit-Remaining"), _number(headers, "X-Rate-Limit-Limit")
    if remaining is None or limit is None:
        return None
    resets_at = _moment(headers.get("X-Rate-Limit-Reset"))
    # One just past is believed: Codat's clock is behind ours, and its count about to begin anew.
    if resets_at is None or not now - _JUST_PAST <= resets_at <= now + _MAX_PAUSE:
        resets_at = next_reset(now)
    return Quota(remaining, limit, resets_at, now)


def closure_from_429(headers: Mapping[str, str], now: datetime) -> Closure:
    """Return what a 429 closes: until the reset if the quota is used up, else for as long as it says."""
    quota = read_quota(headers, now)
    retry_at = _retry_at(headers.get("Retry-After"), now)
    if quota and quota.remaining == 0 and quota.resets_at > now:
        return Closure(ClosureReason.QUOTA, max(quota.resets_at, retry_at or quota.resets_at))
    return Closure(ClosureReason.RATE, retry_at or now + _QUOTA_PAUSE)


def closure_from_refusal(status: int, now: datetime) -> Closure:
    """Return what a 401, 402 or 403 closes."""
    return Closure(ClosureReason.REFUSED, now + _REFUSED_PAUSES[status])


def next_reset(at: datetime) -> datetime:
    """Return the next 00:00 UTC, when Codat's quota begins anew."""
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def _retry_at(retry_after: str | None, now: datetime) -> datetime | None:
    """Return the moment that ``Retry-After`` names: seconds, or a date; at most a day away."""
    if not retry_after:
        return None
    if _DIGITS.fullmatch(retry_after):
        moment: datetime | None = now + timedelta(seconds=int(retry_after))
    else:
        moment = _moment(retry_after)
    return moment and min(moment, now + _MAX_PAUSE)


def _moment(text: str | None) -> datetime | None:
    """Return the moment of a header: Codat's notation of times, or HTTP's."""
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
