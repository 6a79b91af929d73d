"""Codat's quota, and the gate that it closes: the rules."""

from datetime import UTC, datetime, timedelta

import pytest

from codat_sync.rate_limits.quota import (
    Closure,
    ClosureReason,
    Gate,
    Quota,
    QuotaEvent,
    closure_from_429,
    closure_from_refusal,
    next_reset,
    read_quota,
)

_NOW = datetime(2026, 11, 24, 18, tzinfo=UTC)
_MIDNIGHT = datetime(2026, 11, 25, tzinfo=UTC)
_HOUR = timedelta(hours=1)


def _headers(remaining: object = 100, reset: str = "2026-11-25T00:00:00Z") -> dict[str, str]:
    return {"X-Rate-Limit-Limit": "2000", "X-Rate-Limit-Remaining": str(remaining), "X-Rate-Limit-Reset": reset}


@pytest.mark.parametrize(
    "reset",
    ["2026-11-25T00:00:00Z", "2026-11-25", "Wed, 25 Nov 2026 00:00:00 GMT", "soon", "", "2024-01-01", "2999-01-01"],
)
def test_the_quota_is_read_from_the_headers(reset: str) -> None:
    """A reset that can't be read, or can't be, is at the next midnight."""
    assert read_quota(_headers(reset=reset), _NOW) == Quota(100, 2000, _MIDNIGHT, _NOW)


@pytest.mark.parametrize("remaining", ["", "-1", "many", "9" * 30, "1.5"])
def test_a_quota_that_is_none_is_not_read(remaining: str) -> None:
    """Without the headers, too."""
    assert read_quota(_headers(remaining), _NOW) is None
    assert read_quota({}, _NOW) is None


@pytest.mark.parametrize(
    ("headers", "closure"),
    [
        (_headers(0), Closure(ClosureReason.QUOTA, _MIDNIGHT)),
        (_headers(0) | {"Retry-After": "60"}, Closure(ClosureReason.QUOTA, _MIDNIGHT)),
        (_headers(0) | {"Retry-After": "21601"}, Closure(ClosureReason.QUOTA, _MIDNIGHT + timedelta(seconds=1))),
        (_headers(7) | {"Retry-After": "60"}, Closure(ClosureReason.RATE, _NOW + timedelta(seconds=60))),
        (
            _headers(0, "2026-11-24T17:59:59Z") | {"Retry-After": "1"},
            Closure(ClosureReason.RATE, _NOW + timedelta(seconds=5)),
        ),
        ({"Retry-After": "Tue, 24 Nov 2026 18:05:00 GMT"}, Closure(ClosureReason.RATE, _NOW + timedelta(minutes=5))),
        ({"Retry-After": "2026-11-24T18:05:00Z"}, Closure(ClosureReason.RATE, _NOW + timedelta(minutes=5))),
        ({"Retry-After": "86400"}, Closure(ClosureReason.RATE, _NOW + timedelta(days=1))),
        *(
            ({"Retry-After": implausible}, Closure(ClosureReason.RATE, _NOW + timedelta(minutes=1)))
            for implausible in (
                "0",
                "-5",
                "999999999",
                "9" * 30,
                "0001-01-01T00:00:00",
                "2026-11-24T17:59:59Z",
                "9999-12-31",
            )
        ),
        ({"Retry-After": "soon"}, Closure(ClosureReason.RATE, _NOW + timedelta(minutes=1))),
        ({}, Closure(ClosureReason.RATE, _NOW + timedelta(minutes=1))),
    ],
)
def test_a_429_closes_the_gate_for_as_long_as_it_says(headers: dict[str, str], closure: Closure) -> None:
    """Until the reset if the day's requests are used up; a minute if it says nothing."""
    assert closure_from_429(headers, _NOW) == closure


def test_a_reset_that_is_just_past_closes_nothing_for_a_day() -> None:
    """Codat's clock is a moment behind ours at midnight, which is when the gate opens."""
    just_after = _MIDNIGHT + timedelta(milliseconds=300)
    quota = read_quota(_headers(50, "2026-11-25T00:00:00Z"), just_after)
    assert quota == Quota(50, 2000, _MIDNIGHT, just_after)
    assert Gate(quota=quota).closure_at(just_after) is None


@pytest.mark.parametrize(("status", "minutes"), [(401, 15), (402, 2), (403, 2)])
def test_a_refusal_closes_the_gate_for_a_while(status: int, minutes: int) -> None:
    """Longest what is refused to all."""
    assert closure_from_refusal(status, _NOW) == Closure(ClosureReason.REFUSED, _NOW + timedelta(minutes=minutes))


def test_what_closes_it_for_a_shorter_time_does_not_shorten_that() -> None:
    """An answer that was on its way when the quota was used up."""
    gate = Gate(Closure(ClosureReason.QUOTA, _MIDNIGHT), _NOW)
    changed = gate.with_closure(Closure(ClosureReason.RATE, _NOW + timedelta(minutes=1)), _NOW + timedelta(seconds=1))
    assert changed
    assert changed.closure == Closure(ClosureReason.QUOTA, _MIDNIGHT)
    later = gate.with_closure(Closure(ClosureReason.RATE, _MIDNIGHT + _HOUR), _MIDNIGHT)
    assert later
    assert later.closure == Closure(ClosureReason.RATE, _MIDNIGHT + _HOUR)


def test_a_closed_gate_opens_at_its_time() -> None:
    """By itself."""
    closure = Closure(ClosureReason.QUOTA, _MIDNIGHT)
    gate = Gate(closure, _NOW)
    assert gate.closure_at(_NOW) == closure
    assert gate.closure_at(_MIDNIGHT) is None
    assert gate.closure_at(_NOW, is_interactive=True) == closure


def test_an_operator_may_test_whether_a_key_works_again() -> None:
    """Machines wait: no retry cures a refused key."""
    gate = Gate(Closure(ClosureReason.REFUSED, _MIDNIGHT), _NOW)
    assert gate.closure_at(_NOW) is not None
    assert gate.closure_at(_NOW, is_interactive=True) is None


@pytest.mark.parametrize(("remaining", "is_closed"), [(101, False), (100, True), (0, True)])
def test_the_last_of_the_quota_is_for_people(remaining: int, *, is_closed: bool) -> None:
    """A twentieth of the day's, until the next day."""
    gate = Gate(quota=Quota(remaining, 2000, _MIDNIGHT, _NOW))
    assert gate.closure_at(_NOW) == (Closure(ClosureReason.RESERVE, _MIDNIGHT) if is_closed else None)
    assert gate.closure_at(_NOW, is_interactive=True) is None
    assert gate.closure_at(_MIDNIGHT) is None


def test_only_what_is_newer_changes_the_gate() -> None:
    """Events come late, twice and out of order."""
    closure = Closure(ClosureReason.QUOTA, _MIDNIGHT)
    gate = Gate(closure, _NOW)
    assert gate.with_closure(None, _NOW) is None
    assert gate.with_closure(None, _NOW - _HOUR) is None
    opened = gate.with_closure(None, _NOW + _HOUR)
    assert opened == Gate(None, _NOW + _HOUR)
    assert opened.with_closure(closure, _NOW) is None


def test_only_what_is_newer_counts_of_the_quota() -> None:
    """And once the gate was opened, what was left before does not keep it closed."""
    gate = Gate(quota=Quota(10, 2000, _MIDNIGHT, _NOW))
    assert gate.with_quota(Quota(900, 2000, _MIDNIGHT, _NOW)) is None
    opened = gate.with_closure(None, _NOW + _HOUR)
    assert opened
    assert opened.closure_at(_NOW + _HOUR) is None
    counted = opened.with_quota(Quota(9, 2000, _MIDNIGHT, _NOW + 2 * _HOUR))
    assert counted
    assert counted.closure_at(_NOW + 2 * _HOUR)


@pytest.mark.parametrize(
    ("expires_at", "until"),
    [
        (_NOW + _HOUR, _NOW + _HOUR),
        (None, _MIDNIGHT),
        (datetime(2999, 1, 1, tzinfo=UTC), _MIDNIGHT),
    ],
)
def test_an_event_closes_the_gate_until_the_time_it_names(expires_at: datetime | None, until: datetime) -> None:
    """Or until the next reset, if it names none that can be."""
    event = QuotaEvent(is_reached=True, remaining=0, limit=2000, expires_at=expires_at, at=_NOW)
    assert event.closure == Closure(ClosureReason.QUOTA, until)
    assert event.quota == Quota(0, 2000, _MIDNIGHT, _NOW)


def test_a_reset_closes_nothing() -> None:
    """Nor need it say what is left."""
    event = QuotaEvent(is_reached=False, remaining=None, limit=None, expires_at=None, at=_NOW)
    assert (event.closure, event.quota) == (None, None)


def test_the_quota_begins_anew_at_midnight_utc() -> None:
    """Wherever the clock is read."""
    assert next_reset(datetime.fromisoformat("2026-11-25T01:30:00+05:00")) == _MIDNIGHT
    assert next_reset(_MIDNIGHT) == _MIDNIGHT + timedelta(days=1)
