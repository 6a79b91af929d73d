"""How things are called and written on pages."""

from datetime import date, datetime

from codat_sync.core.timestamps import parse_instant
from codat_sync.dead_letters.dead_letter import RECEIVED_TOO_OFTEN
from codat_sync.polling.schedule import Trouble
from codat_sync.reconciliation.comparison import Why
from codat_sync.retries.planner import Step
from codat_sync.syncs.retry_record import RetryState
from codat_sync.syncs.status_codes import Outcome, Turn
from codat_sync.webhooks.endpoint import EndpointState

OUTCOMES = {
    Outcome.SUCCEEDED: "Succeeded",
    Outcome.FAILED: "Failed",
    Outcome.IN_PROGRESS: "In progress",
    Outcome.SUBMITTED: "Submitted",
    Outcome.ANNOUNCED: "Announced",
    Outcome.UNKNOWN: "Unknown",
}
TURNS = {Turn.NOBODY: "Nobody’s", Turn.OURS: "Ours", Turn.CUSTOMER: "The customer’s", Turn.CODAT: "Codat’s"}
STEPS = {
    Step.RETRY: "Can be retried",
    Step.WAIT: "Waits",
    Step.MEND: "To be mended first",
    Step.RECONNECT: "To be reconnected first",
    Step.BILLING: "Subscription to be renewed first",
    Step.WRITTEN: "Already written",
    Step.PARTLY_WRITTEN: "Partly written",
    Step.UNKNOWN: "Outcome unknown",
    Step.NO_BODY: "No body recorded",
    Step.EXHAUSTED: "Attempts exhausted",
}
RETRY_STATES = {
    RetryState.OPEN: "Not planned yet",
    RetryState.WAITING: "Looked at again",
    RetryState.RESOLVED: "All written",
    RetryState.STOPPED: "A person’s turn",
}
TROUBLES = {
    Trouble.GATE_CLOSED: "Codat may not be asked just now: its quota is used up, or it refuses the key.",
    Trouble.NO_KEY: "Codat’s API key has not been put in place yet.",
    Trouble.UNAVAILABLE: "Codat does not answer, or fails.",
    Trouble.REFUSED: "Codat refused this very call.",
    Trouble.NOT_FOUND: "Codat does not know it.",
    Trouble.MALFORMED: "Codat’s answer can’t be understood: a dead letter tells of it.",
}
# Why a letter is dead, and what mends it: docs/operations.md says more.
REASONS = {
    RECEIVED_TOO_OFTEN: "Handed out too often",
    "malformed-answer": "Codat’s answer could not be understood",
    "unknown-event-type": "A type of event that is not known",
    "not-a-message": "No message of this application’s",
    "not-json": "A webhook that is no JSON",
}
MENDED_BY = {
    RECEIVED_TOO_OFTEN: "The function crashed on it: its log says why. Put it back when that is mended.",
    "malformed-answer": "Put it back when Codat answers as it documents, or when a newer version is deployed.",
}
NOT_UNDERSTOOD = "Put it back when a newer version is deployed that understands it; or drop it, if it is not Codat’s."
# Why syncs are not in the table as Codat lists them; the last is of those that were too many to be told apart.
UNRESOLVED = {
    Why.MISSING: "being fetched, of which the table has nothing",
    Why.STALE: "being fetched, of which the table has an older state",
    Why.STUCK: "due to be looked at for long",
    Why.EXPECTED: "on their way",
    Why.SET_ASIDE: "set aside as dead letters",
    Why.UNHEARD: "submitted, which Codat does not list",
    "leftOut": "not told apart yet",
}
ENDPOINTS_IN_TROUBLE = {
    EndpointState.DISABLED: "Codat has disabled the endpoint of our webhooks: it sends none.",
    EndpointState.ELSEWHERE: "Codat sends webhooks about syncs to another address only.",
    EndpointState.GONE: "Codat has no endpoint for webhooks about syncs.",
    EndpointState.UNSUBSCRIBED: "The endpoint of our webhooks is not told of all that ends a sync.",
    EndpointState.UNKNOWN: "Codat does not say whether it sends us webhooks.",
}
# How a status of Codat's is coloured: as the outcome that it is like.
_LIKE = {"Completed": "succeeded", "Pending": "inProgress"}
_FAILED = ("PushError", "ValidationError", "Failed")


def status_like(status: str | None) -> str:
    """Return the outcome that a transaction's status is like."""
    return "failed" if status in _FAILED else _LIKE.get(status or "", "unknown")


def moment(value: datetime | str | None) -> str:
    """Return a moment in UTC, to the second, as a person reads it; text that is none as it is."""
    at = parse_instant(value) if isinstance(value, str) else value
    return f"{_day(at)}, {at:%H:%M:%S}" if at else str(value or "")


def day(value: date) -> str:
    """Return a day as a person reads it."""
    return f"{value:%a} {_day(value)}"


def number(value: int) -> str:
    """Return a number with its thousands apart."""
    return f"{value:,}"


def percent(part: int, whole: int) -> str:
    """Return a share: never all or nothing of what is only nearly so."""
    if not whole:
        return "–"
    share = 100 * part / whole
    if 0 < share < 1:
        return "< 1 %"
    return f"{min(round(share), 99) if part < whole else 100} %"


def plural(count: int, one: str, many: str = "") -> str:
    """Return a number and what it counts."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _day(value: date) -> str:
    return f"{value.day} {value:%b %Y}"
