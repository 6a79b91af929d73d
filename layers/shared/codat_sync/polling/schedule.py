"""When something is looked at again: rules only. The moments are committed with what they are about."""

import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from codat_sync.core.errors import CodatError, CodatNotFoundError, CodatResponseError, SecretUnavailableError
from codat_sync.rate_limits.errors import GateClosedError
from codat_sync.rate_limits.quota import ClosureReason

# Codat sends no event while a sync is in progress, and may lose the one at its end. Most syncs end within minutes.
_BACKOFF_FACTORS = (1, 2, 4, 8, 15, 30, 60)
_AFTER_SUBMISSION = 5
# What is in progress for so long is reported, and still looked at, ever more seldom; and not for ever: every look costs
# of the quota.
STUCK_AFTER = timedelta(days=1)
_STUCK_DELAYS = ((timedelta(days=7), timedelta(hours=6)), (timedelta(days=30), timedelta(days=1)))
# A sync that a webhook named and Codat does not know may have to get around there. Then it is believed.
MISSING_AFTER = timedelta(hours=1)
# In seconds, doubled each time.
_FIRST_REDELIVERY = 10
# What waits for the gate does not all come at once when it opens: it is spread over a tenth of the wait.
_SPREAD = 0.1
_MAX_SPREAD = timedelta(minutes=10)
_MIN_SPREAD = timedelta(seconds=5)


class PollingAlert(StrEnum):
    """What a person should hear of."""

    STUCK = "stuck"  # it has not come to its end within a day
    MISSING = "missing"  # Codat has not known it for an hour, and is believed
    ABANDONED = "abandoned"  # it has not come to its end within a month, and is not looked at by itself any more


class CheckFailure(StrEnum):
    """Why the last look came to nothing."""

    GATE_CLOSED = "gateClosed"  # no call to Codat is made: its quota is used up, or it refuses the API key
    NO_API_KEY = "noApiKey"  # the API key has not been put in place yet
    UNAVAILABLE = "unavailable"  # Codat does not answer, or fails
    REFUSED = "refused"  # Codat refused this very call; the others wait at the gate
    NOT_FOUND = "notFound"  # Codat does not know it
    MALFORMED_RESPONSE = "malformedResponse"  # Codat's answer can't be understood: a dead letter tells of it


@dataclass(frozen=True, slots=True)
class PendingCheck:
    """That something has not come to its end. ``due_at`` is None if it is not looked at again by itself.

    ``attempts`` is how often in a row it was found so; ``correlation_id`` leads to the webhook that began it, and
    ``codat_correlation_id`` is Codat's own of what went wrong last, to quote to its support.
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
        """Whether it waits for the gate to open, rather than for a moment."""
        return self.check_failure is CheckFailure.GATE_CLOSED

    @property
    def is_confirmed_missing(self) -> bool:
        """Whether Codat is believed that there is no such thing."""
        return self.check_failure is CheckFailure.NOT_FOUND and self.due_at is None


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long is waited. ``poll_initial_delay`` is the first delay, of which the others are multiples."""

    poll_initial_delay: timedelta = timedelta(minutes=1)

    def after_unfinished(self, known: PendingCheck | None, now: datetime, correlation_id: str) -> PendingCheck:
        """Return how to wait for what Codat says is not at its end."""
        return self._next(known, None, now, correlation_id)

    def after_submission(self, now: datetime, correlation_id: str) -> PendingCheck:
        """Return how to wait for the end of a sync that Codat made of what was submitted: its webhook may be missed."""
        return replace(
            self._next(None, None, now, correlation_id), due_at=now + self.poll_initial_delay * _AFTER_SUBMISSION
        )

    def after_failure(
        self,
        known: PendingCheck | None,
        error: CodatError | SecretUnavailableError,
        now: datetime,
        correlation_id: str,
        *,
        jitter: float,
    ) -> PendingCheck:
        """Return how to wait after a look that came to nothing.

        ``jitter`` (0 to 1) keeps apart what waits for the gate.
        """
        pending_check = self._after_failure(known, error, now, correlation_id, jitter)
        return replace(pending_check, codat_correlation_id=getattr(error, "correlation_id", None))

    def _after_failure(
        self,
        known: PendingCheck | None,
        error: CodatError | SecretUnavailableError,
        now: datetime,
        correlation_id: str,
        jitter: float,
    ) -> PendingCheck:
        match error:
            case GateClosedError() if error.is_refused_by_codat and error.closure.reason is ClosureReason.REFUSED:
                # Not behind the gate: what is refused for one company only would close it for all as it opens.
                return self._next(known, CheckFailure.REFUSED, now, correlation_id)
            case GateClosedError():
                return _behind_gate(known, error.closure.until, now, correlation_id, jitter)
            case SecretUnavailableError():
                return self._next(known, CheckFailure.NO_API_KEY, now, correlation_id)
            case CodatNotFoundError():
                return self._not_found(known, now, correlation_id)
            case CodatResponseError():
                return replace(self._next(known, CheckFailure.MALFORMED_RESPONSE, now, correlation_id), due_at=None)
        return self._next(known, CheckFailure.UNAVAILABLE, now, correlation_id)

    def _not_found(self, known: PendingCheck | None, now: datetime, correlation_id: str) -> PendingCheck:
        # What was there yesterday and is not today is new.
        before = known if known and known.check_failure is CheckFailure.NOT_FOUND else None
        pending_check = self._next(before, CheckFailure.NOT_FOUND, now, correlation_id)
        return replace(pending_check, due_at=None) if now - pending_check.since >= MISSING_AFTER else pending_check

    def _next(
        self, known: PendingCheck | None, check_failure: CheckFailure | None, now: datetime, correlation_id: str
    ) -> PendingCheck:
        since = known.since if known else now
        attempts = known.attempts + 1 if known else 0
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
        if waited < STUCK_AFTER or check_failure is CheckFailure.NO_API_KEY:  # which costs no call
            return now + self.poll_initial_delay * _BACKOFF_FACTORS[min(attempts, len(_BACKOFF_FACTORS) - 1)]
        if check_failure:  # It has not been asked about: that is never given up.
            return now + _STUCK_DELAYS[0][1]
        return next((now + delay for until, delay in _STUCK_DELAYS if waited < until), None)


def detect_alert(known: PendingCheck | None, pending_check: PendingCheck | None) -> PollingAlert | None:
    """Return what a person should hear of, if it has just come to that."""
    if pending_check is None:
        return None
    if pending_check.is_confirmed_missing and not (known and known.is_confirmed_missing):
        return PollingAlert.MISSING
    if pending_check.due_at is None and pending_check.check_failure is None and known and known.due_at:
        return PollingAlert.ABANDONED
    return PollingAlert.STUCK if pending_check.is_stuck and not (known and known.is_stuck) else None


def get_redelivery_delay(receive_count: int) -> int:
    """Return after how many seconds a message comes again that Codat failed the ``receive_count``-th time (from 1)."""
    return int(_FIRST_REDELIVERY * 2 ** (receive_count - 1) * random.uniform(0.5, 1.5))  # noqa: S311 - to spread them only


def _behind_gate(
    known: PendingCheck | None, opens_at: datetime, now: datetime, correlation_id: str, jitter: float
) -> PendingCheck:
    spread = min(max((opens_at - now) * _SPREAD, _MIN_SPREAD), _MAX_SPREAD)
    return PendingCheck(
        since=known.since if known else now,
        attempts=known.attempts if known else 0,
        due_at=opens_at + spread * jitter,
        check_failure=CheckFailure.GATE_CLOSED,
        # To wait for the quota is nothing to report of each sync: the gate is reported.
        is_stuck=known is not None and known.is_stuck,
        correlation_id=correlation_id,
    )
