"""Schedule the next check."""

from datetime import UTC, datetime, timedelta

import pytest

from codat_sync.core.errors import (
    CodatAnswerError,
    CodatError,
    CodatNotFoundError,
    CodatUnavailableError,
    SecretUnavailableError,
)
from codat_sync.polling.schedule import Report, Schedule, Trouble, Waiting, redelivery_delay, report
from codat_sync.rate_limits.errors import GateClosedError
from codat_sync.rate_limits.quota import Closure, Reason

_NOW = datetime(2026, 11, 24, 18, tzinfo=UTC)
_SCHEDULE = Schedule()
_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def _looked_at(times: int, after: timedelta | None = None) -> list[Waiting]:
    """Return the delay after each check, each made when due or ``late`` later."""
    found: list[Waiting] = []
    now = _NOW
    for _ in range(times):
        known = found[-1] if found else None
        now = known.due_at if known and known.due_at else now
        now += after or timedelta()
        found.append(_SCHEDULE.unfinished(known, now, "request-1"))
    return found


def _troubled(
    error: CodatError | SecretUnavailableError, known: Waiting | None = None, now: datetime = _NOW, chance: float = 0.0
) -> Waiting:
    return _SCHEDULE.troubled(known, error, now, "request-1", chance=chance)


def test_delays_grow_until_they_are_an_hour() -> None:
    """Most syncs end within minutes; the others need not be asked about so often."""
    waits = _looked_at(9)
    delays = [
        (waiting.due_at or _NOW) - (before.due_at if before and before.due_at else _NOW)
        for before, waiting in zip([None, *waits[:-1]], waits, strict=True)
    ]
    assert [delay / _MINUTE for delay in delays] == [1, 2, 4, 8, 15, 30, 60, 60, 60]
    assert {waiting.since for waiting in waits} == {_NOW}


def test_after_a_day_it_is_stuck_and_said_so_once() -> None:
    """It is polled with backoff, up to a limit."""
    waits = _looked_at(100)
    reports = [report(before, waiting) for before, waiting in zip([None, *waits[:-1]], waits, strict=True)]
    assert [each for each in reports if each] == [Report.STUCK, Report.ABANDONED]
    first = next(waiting for waiting, each in zip(waits, reports, strict=True) if each)
    assert first.due_at
    assert first.due_at - _NOW >= _DAY + 6 * _HOUR
    last = next(waiting for waiting in waits if waiting.due_at is None)
    assert last.is_stuck
    assert last.looks < 100
    dues = [waiting.due_at for waiting in waits if waiting.due_at]
    assert dues[-1] - dues[-2] == _DAY
    assert timedelta(days=29) < dues[-1] - _NOW <= timedelta(days=31)


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (SecretUnavailableError("no key"), Trouble.NO_KEY),
        (CodatUnavailableError("HTTP 503"), Trouble.UNAVAILABLE),
        (CodatNotFoundError("HTTP 404"), Trouble.NOT_FOUND),
    ],
)
def test_a_transient_problem_is_polled_again(error: CodatError | SecretUnavailableError, trouble: Trouble) -> None:
    """With growing delays, whatever the trouble is each time."""
    first = _troubled(error)
    second = _troubled(error, first, _NOW + _MINUTE)
    assert (first.trouble, first.due_at, first.looks) == (trouble, _NOW + _MINUTE, 0)
    assert (second.due_at, second.looks, second.since) == (_NOW + 3 * _MINUTE, 1, _NOW)
    other = _SCHEDULE.unfinished(second, _NOW + 3 * _MINUTE, "request-1")
    assert (other.trouble, other.looks, other.since) == (None, 2, _NOW)


def test_a_sync_that_is_not_there_for_an_hour_is_believed_to_be_missing() -> None:
    """It is reported once and not polled again."""
    known = _troubled(CodatNotFoundError("HTTP 404"))
    before = _troubled(CodatNotFoundError("HTTP 404"), known, _NOW + 59 * _MINUTE)
    after = _troubled(CodatNotFoundError("HTTP 404"), before, _NOW + _HOUR)
    assert before.due_at is not None
    assert (after.due_at, after.is_given_up) == (None, True)
    assert (report(known, before), report(before, after), report(after, after)) == (None, Report.MISSING, None)


def test_what_was_there_is_not_missing_at_once() -> None:
    """However long it has been in progress before."""
    (*_, known) = _looked_at(8)
    now = known.since + 3 * _HOUR
    waiting = _troubled(CodatNotFoundError("HTTP 404"), known, now)
    assert (waiting.since, waiting.due_at) == (now, now + _MINUTE)


def test_a_malformed_answer_needs_an_operator() -> None:
    """A dead letter reports it: polling would add another one each time."""
    waiting = _troubled(CodatAnswerError("malformed"))
    assert (waiting.trouble, waiting.due_at, waiting.is_given_up) == (Trouble.MALFORMED, None, False)


def test_deferred_syncs_are_spread_after_the_gate_opens() -> None:
    """A tenth of the wait later at most, and ten minutes at most; it is never stuck for that."""
    midnight = _NOW + 6 * _HOUR
    closed = GateClosedError("quota", Closure(Reason.QUOTA, midnight))
    dues = [_troubled(closed, chance=chance).due_at for chance in (0.0, 0.5, 1.0)]
    assert dues == [midnight, midnight + 5 * _MINUTE, midnight + 10 * _MINUTE]
    short = GateClosedError("rate", Closure(Reason.RATE, _NOW + _MINUTE))
    assert _troubled(short, chance=1.0).due_at == _NOW + _MINUTE + timedelta(seconds=6)
    known = Waiting(_NOW - 3 * _DAY, 4, _NOW, None, is_stuck=False, correlation_id="request-0")
    waiting = _troubled(closed, known)
    assert (waiting.is_behind_gate, waiting.is_stuck, waiting.since) == (True, False, known.since)


def test_a_message_that_codat_failed_is_redelivered_with_backoff() -> None:
    """With jitter, so that those that failed together do not come together."""
    for receives, least, most in ((1, 5, 15), (2, 10, 30), (3, 20, 60), (4, 40, 120)):
        delays = {redelivery_delay(receives) for _ in range(200)}
        assert least <= min(delays) < max(delays) <= most
