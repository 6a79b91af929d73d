"""Decide when something is checked again. Pure rules: the times are committed with their subjects."""

import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from codat_sync.core.errors import CodatError, CodatNotFoundError, CodatResponseError, SecretUnavailableError
from codat_sync.rate_limits.errors import GateClosedError
from codat_sync.rate_limits.quota import ClosureReason

# Codat sends no event while a sync is in progress, and may lose the final one. Most syncs end within minutes.
_BACKOFF_FACTORS = (1, 2, 4, 8, 15, 30, 60)
_AFTER_SUBMISSION = 5
# A sync in progress for this long is reported and polled less and less often, but not forever: every check uses quota.
STUCK_AFTER = timedelta(days=1)
_STUCK_DELAYS = ((timedelta(days=7), timedelta(hours=6)), (timedelta(days=30), timedelta(days=1)))
# A sync that a webhook announced may take a while to be known across Codat's systems. After this it counts as missing.
MISSING_AFTER = timedelta(hours=1)
# In seconds, doubled each time.
_FIRST_REDELIVERY = 10
# Checks that wait for the gate are spread over a tenth of the wait, instead of all running when it opens.
_SPREAD = 0.1
_MAX_SPREAD = timedelta(minutes=10)
_MIN_SPREAD = timedelta(seconds=5)


class PollingAlert(StrEnum):
    """A condition to report to an operator."""

    STUCK = "stuck"  # it has not ended within a day
    MISSING = "missing"  # Codat has not known it for an hour: it counts as missing
    ABANDONED = "abandoned"  # it has not ended within a month, and is no longer polled


class CheckFailure(StrEnum):
    """Why the last check failed."""

    GATE_CLOSED = "gateClosed"  # no call to Codat is made: its quota is used up, or it rejects the API key
    NO_API_KEY = "noApiKey"  # the API key has not been configured yet
    UNAVAILABLE = "unavailable"  # Codat does not respond, or fails
    REFUSED = "refused"  # Codat rejected this very call; the others wait at the gate
    NOT_FOUND = "notFound"  # Codat does not know it
    MALFORMED_RESPONSE = "malformedResponse"  # Codat's response can't be parsed: see its dead letter


@dataclass(frozen=True, slots=True)
class PendingCheck:
    """A pending check of something unfinished. ``due_at`` is None if it is no longer polled.

    ``attempts`` counts consecutive checks with this result. ``correlation_id`` is that of the original webhook;
    ``codat_correlation_id`` is Codat's own of the last failure, to quote to its support.
    """

    since: datetime
    attempts: int
    due_at: datetime | None
    check_failure: CheckFailure | None
    is_stuck: bool
    correlation_id: str
    codat_correlation_id: str | None = None

    @property
    def is_waiting_for_gate(self) -> bool:
        """Return whether it waits for the gate to open, rather than for a time."""
        return self.check_failure is CheckFailure.GATE_CLOSED

    @property
    def is_confirmed_missing(self) -> bool:
        """Return whether it counts as missing at Codat."""
        return self.check_failure is CheckFailure.NOT_FOUND and self.due_at is None


@dataclass(frozen=True, slots=True)
class Schedule:
    """The delays between checks. ``poll_initial_delay`` is the first delay; the others are multiples of it."""

    poll_initial_delay: timedelta = timedelta(minutes=1)

    def after_unfinished(self, previous: PendingCheck | None, now: datetime, correlation_id: str) -> PendingCheck:
        """Schedule the next check of something that Codat reports as unfinished."""
        return self._next(previous, None, now, correlation_id)

    def after_submission(self, now: datetime, correlation_id: str) -> PendingCheck:
        """Schedule the first check of a sync that a submission created, in case its webhook is lost."""
        return replace(
            self._next(None, None, now, correlation_id), due_at=now + self.poll_initial_delay * _AFTER_SUBMISSION
        )

    def after_failure(
        self,
        previous: PendingCheck | None,
        error: CodatError | SecretUnavailableError,
        now: datetime,
        correlation_id: str,
        *,
        jitter: float,
    ) -> PendingCheck:
        """Schedule the next check after a failed one.

        ``jitter`` (0 to 1) spreads the checks that wait for the gate.
        """
        pending_check = self._after_failure(previous, error, now, correlation_id, jitter)
        return replace(pending_check, codat_correlation_id=getattr(error, "correlation_id", None))

    def _after_failure(
        self,
        previous: PendingCheck | None,
        error: CodatError | SecretUnavailableError,
        now: datetime,
        correlation_id: str,
        jitter: float,
    ) -> PendingCheck:
        match error:
            case GateClosedError() if error.is_refused_by_codat and error.closure.reason is ClosureReason.REFUSED:
                # Not behind the gate: a rejection of one company only would close it for all as soon as it opens.
                return self._next(previous, CheckFailure.REFUSED, now, correlation_id)
            case GateClosedError():
                return _behind_gate(previous, error.closure.until, now, correlation_id, jitter)
            case SecretUnavailableError():
                return self._next(previous, CheckFailure.NO_API_KEY, now, correlation_id)
            case CodatNotFoundError():
                return self._not_found(previous, now, correlation_id)
            case CodatResponseError():
                return replace(self._next(previous, CheckFailure.MALFORMED_RESPONSE, now, correlation_id), due_at=None)
        return self._next(previous, CheckFailure.UNAVAILABLE, now, correlation_id)

    def _not_found(self, previous: PendingCheck | None, now: datetime, correlation_id: str) -> PendingCheck:
        # Something that was there before starts a new wait.
        before = previous if previous and previous.check_failure is CheckFailure.NOT_FOUND else None
        pending_check = self._next(before, CheckFailure.NOT_FOUND, now, correlation_id)
        return replace(pending_check, due_at=None) if now - pending_check.since >= MISSING_AFTER else pending_check

    def _next(
        self, previous: PendingCheck | None, check_failure: CheckFailure | None, now: datetime, correlation_id: str
    ) -> PendingCheck:
        since = previous.since if previous else now
        attempts = previous.attempts + 1 if previous else 0
        return PendingCheck(
            since=since,
            attempts=attempts,
            due_at=self._due_at(now - since, attempts, now, check_failure),
            check_failure=check_failure,
            is_stuck=now - since >= STUCK_AFTER,
            correlation_id=correlation_id,
        )

    def _due_at(
        self, waited: timedelta, attempts: int, now: datetime, check_failure: CheckFailure | None
    ) -> datetime | None:
        if waited < STUCK_AFTER or check_failure is CheckFailure.NO_API_KEY:  # uses no quota
            return now + self.poll_initial_delay * _BACKOFF_FACTORS[min(attempts, len(_BACKOFF_FACTORS) - 1)]
        if check_failure:  # Codat could not be asked: never give up on that.
            return now + _STUCK_DELAYS[0][1]
        return next((now + delay for until, delay in _STUCK_DELAYS if waited < until), None)


def detect_alert(previous: PendingCheck | None, pending_check: PendingCheck | None) -> PollingAlert | None:
    """Return the alert that this pending check newly raises, None if there is none."""
    if pending_check is None:
        return None
    if pending_check.is_confirmed_missing and not (previous and previous.is_confirmed_missing):
        return PollingAlert.MISSING
    if pending_check.due_at is None and pending_check.check_failure is None and previous and previous.due_at:
        return PollingAlert.ABANDONED
    return PollingAlert.STUCK if pending_check.is_stuck and not (previous and previous.is_stuck) else None


def get_redelivery_delay(receive_count: int) -> int:
    """Return the seconds until redelivery of a message whose ``receive_count``-th delivery (from 1) Codat failed."""
    return int(_FIRST_REDELIVERY * 2 ** (receive_count - 1) * random.uniform(0.5, 1.5))  # noqa: S311 - jitter only


def _behind_gate(
    previous: PendingCheck | None, opens_at: datetime, now: datetime, correlation_id: str, jitter: float
) -> PendingCheck:
    spread = min(max((opens_at - now) * _SPREAD, _MIN_SPREAD), _MAX_SPREAD)
    return PendingCheck(
        since=previous.since if previous else now,
        attempts=previous.attempts if previous else 0,
        due_at=opens_at + spread * jitter,
        check_failure=CheckFailure.GATE_CLOSED,
        # A wait for the quota is not reported per sync: the gate itself is.
        is_stuck=previous is not None and previous.is_stuck,
        correlation_id=correlation_id,
    )
