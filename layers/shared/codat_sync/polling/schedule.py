"""When something is looked at again: rules only. The moments are committed with what they are about."""

import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from codat_sync.core.errors import CodatAnswerError, CodatError, CodatNotFoundError, SecretUnavailableError
from codat_sync.rate_limits.errors import GateClosedError
from codat_sync.rate_limits.quota import Reason

# Codat sends no event while a sync is in progress, and may lose the one at its end. Most syncs end within minutes.
_FACTORS = (1, 2, 4, 8, 15, 30, 60)
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
_LONGEST_SPREAD = timedelta(minutes=10)
_SHORTEST_SPREAD = timedelta(seconds=5)


class Report(StrEnum):
    """What a person should hear of."""

    STUCK = "stuck"  # it has not come to its end within a day
    MISSING = "missing"  # Codat has not known it for an hour, and is believed
    ABANDONED = "abandoned"  # it has not come to its end within a month, and is not looked at by itself any more


class Trouble(StrEnum):
    """Why the last look came to nothing."""

    GATE_CLOSED = "gateClosed"  # no call to Codat is made: its quota is used up, or it refuses the API key
    NO_KEY = "noKey"  # the API key has not been put in place yet
    UNAVAILABLE = "unavailable"  # Codat does not answer, or fails
    REFUSED = "refused"  # Codat refused this very call; the others wait at the gate
    NOT_FOUND = "notFound"  # Codat does not know it
    MALFORMED = "malformedAnswer"  # Codat's answer can't be understood: a dead letter tells of it


@dataclass(frozen=True, slots=True)
class Waiting:
    """That something has not come to its end. ``due_at`` is None if it is not looked at again by itself.

    ``looks`` is how often in a row it was found so; ``correlation_id`` leads to the webhook that began it, and
    ``codat_correlation_id`` is Codat's own of what went wrong last, to quote to its support.
    """

    since: datetime
    looks: int
    due_at: datetime | None
    trouble: Trouble | None
    is_stuck: bool
    correlation_id: str
    codat_correlation_id: str | None = None

    @property
    def is_behind_gate(self) -> bool:
        """Whether it waits for the gate to open, rather than for a moment."""
        return self.trouble is Trouble.GATE_CLOSED

    @property
    def is_given_up(self) -> bool:
        """Whether Codat is believed that there is no such thing."""
        return self.trouble is Trouble.NOT_FOUND and self.due_at is None


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long is waited. ``first_look`` is the first delay, of which the others are multiples."""

    first_look: timedelta = timedelta(minutes=1)

    def unfinished(self, known: Waiting | None, now: datetime, correlation_id: str) -> Waiting:
        """Return how to wait for what Codat says is not at its end."""
        return self._next(known, None, now, correlation_id)

    def submitted(self, now: datetime, correlation_id: str) -> Waiting:
        """Return how to wait for the end of a sync that Codat made of what was submitted: its webhook may be missed."""
        return replace(self._next(None, None, now, correlation_id), due_at=now + self.first_look * _AFTER_SUBMISSION)

    def troubled(
        self,
        known: Waiting | None,
        error: CodatError | SecretUnavailableError,
        now: datetime,
        correlation_id: str,
        *,
        chance: float,
    ) -> Waiting:
        """Return how to wait after a look that came to nothing.

        ``chance`` (0 to 1) keeps apart what waits for the gate.
        """
        waiting = self._troubled(known, error, now, correlation_id, chance)
        return replace(waiting, codat_correlation_id=getattr(error, "correlation_id", None))

    def _troubled(
        self,
        known: Waiting | None,
        error: CodatError | SecretUnavailableError,
        now: datetime,
        correlation_id: str,
        chance: float,
    ) -> Waiting:
        match error:
            case GateClosedError() if error.was_asked and error.closure.reason is Reason.REFUSED:
                # Not behind the gate: what is refused for one company only would close it for all as it opens.
                return self._next(known, Trouble.REFUSED, now, correlation_id)
            case GateClosedError():
                return _behind_gate(known, error.closure.until, now, correlation_id, chance)
            case SecretUnavailableError():
                return self._next(known, Trouble.NO_KEY, now, correlation_id)
            case CodatNotFoundError():
                return self._not_found(known, now, correlation_id)
            case CodatAnswerError():
                return replace(self._next(known, Trouble.MALFORMED, now, correlation_id), due_at=None)
        return self._next(known, Trouble.UNAVAILABLE, now, correlation_id)

    def _not_found(self, known: Waiting | None, now: datetime, correlation_id: str) -> Waiting:
        # What was there yesterday and is not today is new.
        before = known if known and known.trouble is Trouble.NOT_FOUND else None
        waiting = self._next(before, Trouble.NOT_FOUND, now, correlation_id)
        return replace(waiting, due_at=None) if now - waiting.since >= MISSING_AFTER else waiting

    def _next(self, known: Waiting | None, trouble: Trouble | None, now: datetime, correlation_id: str) -> Waiting:
        since = known.since if known else now
        looks = known.looks + 1 if known else 0
        return Waiting(
            since=since,
            looks=looks,
            due_at=self._due_at(now - since, looks, now, trouble),
            trouble=trouble,
            is_stuck=now - since >= STUCK_AFTER,
            correlation_id=correlation_id,
        )

    def _due_at(self, waited: timedelta, looks: int, now: datetime, trouble: Trouble | None) -> datetime | None:
        if waited < STUCK_AFTER or trouble is Trouble.NO_KEY:  # which costs no call
            return now + self.first_look * _FACTORS[min(looks, len(_FACTORS) - 1)]
        if trouble:  # It has not been asked about: that is never given up.
            return now + _STUCK_DELAYS[0][1]
        return next((now + delay for until, delay in _STUCK_DELAYS if waited < until), None)


def report(known: Waiting | None, waiting: Waiting | None) -> Report | None:
    """Return what a person should hear of, if it has just come to that."""
    if waiting is None:
        return None
    if waiting.is_given_up and not (known and known.is_given_up):
        return Report.MISSING
    if waiting.due_at is None and waiting.trouble is None and known and known.due_at:
        return Report.ABANDONED
    return Report.STUCK if waiting.is_stuck and not (known and known.is_stuck) else None


def redelivery_delay(receives: int) -> int:
    """Return after how many seconds a message comes again that Codat failed the ``receives``-th time (from 1)."""
    return int(_FIRST_REDELIVERY * 2 ** (receives - 1) * random.uniform(0.5, 1.5))  # noqa: S311 - to spread them only


def _behind_gate(
    known: Waiting | None, opens_at: datetime, now: datetime, correlation_id: str, chance: float
) -> Waiting:
    spread = min(max((opens_at - now) * _SPREAD, _SHORTEST_SPREAD), _LONGEST_SPREAD)
    return Waiting(
        since=known.since if known else now,
        looks=known.looks if known else 0,
        due_at=opens_at + spread * chance,
        trouble=Trouble.GATE_CLOSED,
        # To wait for the quota is nothing to report of each sync: the gate is reported.
        is_stuck=known is not None and known.is_stuck,
        correlation_id=correlation_id,
    )
