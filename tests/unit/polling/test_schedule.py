"""Schedule the next check."""

from datetime import UTC, datetime, timedelta

import pytest

from codat_sync.core.errors import (
    CodatError,
    CodatNotFoundError,
    CodatResponseError,
    CodatUnavailableError,
    SecretUnavailableError,
)
from codat_sync.polling.schedule import (
    CheckFailure,
    PendingCheck,
    PollingAlert,
    Schedule,
    detect_alert,
    get_redelivery_delay,
)
from codat_sync.rate_limits.errors import GateClosedError
from codat_sync.rate_limits.quota import Closure, ClosureReason

_NOW = datetime(2026, 11, 24, 18, tzinfo=UTC)
_SCHEDULE = Schedule()
_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def _checked_at(times: int, after: timedelta | None = None) -> list[PendingCheck]:
    """Return the delay after each check, each made when due or ``late`` later."""
    found: list[PendingCheck] = []
    now = _NOW
    for _ in range(times):
        known = found[-1] if found else None
        now = known.due_at if known and known.due_at else now
        now += after or timedelta()
        found.append(_SCHEDULE.after_unfinished(known, now, "request-1"))
    return found


def _after_failure(
    error: CodatError | SecretUnavailableError,
    known: PendingCheck | None = None,
    now: datetime = _NOW,
    jitter: float = 0.0,
) -> PendingCheck:
    return _SCHEDULE.after_failure(known, error, now, "request-1", jitter=jitter)


def test_delays_grow_until_they_are_an_hour() -> None:
    """Most syncs end within minutes; the others need not be asked about so often."""
    waits = _checked_at(9)
    delays = [
        (pending_check.due_at or _NOW) - (before.due_at if before and before.due_at else _NOW)
        for before, pending_check in zip([None, *waits[:-1]], waits, strict=True)
    ]
    assert [delay / _MINUTE for delay in delays] == [1, 2, 4, 8, 15, 30, 60, 60, 60]
    assert {pending_check.since for pending_check in waits} == {_NOW}


def test_after_a_day_it_is_stuck_and_said_so_once() -> None:
    """It is polled with backoff, up to a limit."""
    waits = _checked_at(100)
    reports = [
        detect_alert(before, pending_check) for before, pending_check in zip([None, *waits[:-1]], waits, strict=True)
    ]
    assert [each for each in reports if each] == [PollingAlert.STUCK, PollingAlert.ABANDONED]
    first = next(pending_check for pending_check, each in zip(waits, reports, strict=True) if each)
    assert first.due_at
    assert first.due_at - _NOW >= _DAY + 6 * _HOUR
    last = next(pending_check for pending_check in waits if pending_check.due_at is None)
    assert last.is_stuck
    assert last.attempts < 100
    dues = [pending_check.due_at for pending_check in waits if pending_check.due_at]
    assert dues[-1] - dues[-2] == _DAY
    assert timedelta(days=29) < dues[-1] - _NOW <= timedelta(days=31)


@pytest.mark.parametrize(
    ("error", "check_failure"),
    [
        (SecretUnavailableError("no key"), CheckFailure.NO_API_KEY),
        (CodatUnavailableError("HTTP 503"), CheckFailure.UNAVAILABLE),
        (CodatNotFoundError("HTTP 404"), CheckFailure.NOT_FOUND),
    ],
)
def test_a_transient_problem_is_polled_again(
    error: CodatError | SecretUnavailableError, check_failure: CheckFailure
) -> None:
    """With growing delays, whatever the trouble is each time."""
    first = _after_failure(error)
    second = _after_failure(error, first, _NOW + _MINUTE)
    assert (first.check_failure, first.due_at, first.attempts) == (check_failure, _NOW + _MINUTE, 0)
    assert (second.due_at, second.attempts, second.since) == (_NOW + 3 * _MINUTE, 1, _NOW)
    other = _SCHEDULE.after_unfinished(second, _NOW + 3 * _MINUTE, "request-1")
    assert (other.check_failure, other.attempts, other.since) == (None, 2, _NOW)


def test_a_sync_that_is_not_there_for_an_hour_is_believed_to_be_missing() -> None:
    """It is reported once and not polled again."""
    known = _after_failure(CodatNotFoundError("HTTP 404"))
    before = _after_failure(CodatNotFoundError("HTTP 404"), known, _NOW + 59 * _MINUTE)
    after = _after_failure(CodatNotFoundError("HTTP 404"), before, _NOW + _HOUR)
    assert before.due_at is not None
    assert (after.due_at, after.is_confirmed_missing) == (None, True)
    assert (detect_alert(known, before), detect_alert(before, after), detect_alert(after, after)) == (
        None,
        PollingAlert.MISSING,
        None,
    )


def test_what_was_there_is_not_missing_at_once() -> None:
    """However long it has been in progress before."""
    (*_, known) = _checked_at(8)
    now = known.since + 3 * _HOUR
    pending_check = _after_failure(CodatNotFoundError("HTTP 404"), known, now)
    assert (pending_check.since, pending_check.due_at) == (now, now + _MINUTE)


def test_a_malformed_answer_needs_an_operator() -> None:
    """A dead letter reports it: polling would add another one each time."""
    pending_check = _after_failure(CodatResponseError("malformed"))
    assert (pending_check.check_failure, pending_check.due_at, pending_check.is_confirmed_missing) == (
        CheckFailure.MALFORMED_RESPONSE,
        None,
        False,
    )


def test_deferred_syncs_are_spread_after_the_gate_opens() -> None:
    """A tenth of the wait later at most, and ten minutes at most; it is never stuck for that."""
    midnight = _NOW + 6 * _HOUR
    closed = GateClosedError("quota", Closure(ClosureReason.QUOTA, midnight))
    dues = [_after_failure(closed, jitter=jitter).due_at for jitter in (0.0, 0.5, 1.0)]
    assert dues == [midnight, midnight + 5 * _MINUTE, midnight + 10 * _MINUTE]
    short = GateClosedError("rate", Closure(ClosureReason.RATE, _NOW + _MINUTE))
    assert _after_failure(short, jitter=1.0).due_at == _NOW + _MINUTE + timedelta(seconds=6)
    known = PendingCheck(_NOW - 3 * _DAY, 4, _NOW, None, is_stuck=False, correlation_id="request-0")
    pending_check = _after_failure(closed, known)
    assert (pending_check.is_waiting_for_gate, pending_check.is_stuck, pending_check.since) == (
        True,
        False,
        known.since,
    )


def test_a_message_that_codat_failed_is_redelivered_with_backoff() -> None:
    """With jitter, so that those that failed together do not come together."""
    for receive_count, least, most in ((1, 5, 15), (2, 10, 30), (3, 20, 60), (4, 40, 120)):
        delays = {get_redelivery_delay(receive_count) for _ in range(200)}
        assert least <= min(delays) < max(delays) <= most
