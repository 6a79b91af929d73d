"""How things are called and written on pages."""

from datetime import date, datetime

from codat_sync.core.timestamps import parse_timestamp
from codat_sync.dead_letters.dead_letter import MAX_RECEIVES_EXCEEDED
from codat_sync.polling.schedule import CheckFailure
from codat_sync.reconciliation.comparison import Discrepancy
from codat_sync.retries.planner import Step
from codat_sync.syncs.retry_record import RetryState
from codat_sync.syncs.status_codes import ActionOwner, Outcome
from codat_sync.webhooks.endpoint import EndpointState

OUTCOMES = {
    Outcome.SUCCEEDED: "Succeeded",
    Outcome.FAILED: "Failed",
    Outcome.IN_PROGRESS: "In progress",
    Outcome.SUBMITTED: "Submitted",
    Outcome.ANNOUNCED: "Announced",
    Outcome.UNKNOWN: "Unknown",
}
ACTION_OWNERS = {
    ActionOwner.NOBODY: "Nobody’s",
    ActionOwner.OUR_TEAM: "Ours",
    ActionOwner.CUSTOMER: "The customer’s",
    ActionOwner.CODAT: "Codat’s",
}
STEPS = {
    Step.RETRY_NOW: "Can be retried",
    Step.SCHEDULED: "Waits",
    Step.NEEDS_CORRECTION: "To be mended first",
    Step.NEEDS_RECONNECTION: "To be reconnected first",
    Step.NEEDS_BILLING: "Subscription to be renewed first",
    Step.ALREADY_WRITTEN: "Already written",
    Step.PARTIALLY_WRITTEN: "Partly written",
    Step.OUTCOME_UNKNOWN: "Outcome unknown",
    Step.NO_BODY_RECORDED: "No body recorded",
    Step.ATTEMPTS_EXHAUSTED: "Attempts exhausted",
}
RETRY_STATES = {
    RetryState.OPEN: "Not planned yet",
    RetryState.SCHEDULED: "Looked at again",
    RetryState.RESOLVED: "All written",
    RetryState.STOPPED: "A person’s turn",
}
CHECK_ERRORS = {
    CheckFailure.GATE_CLOSED: "Codat may not be asked just now: its quota is used up, or it refuses the key.",
    CheckFailure.NO_API_KEY: "Codat’s API key has not been put in place yet.",
    CheckFailure.UNAVAILABLE: "Codat does not answer, or fails.",
    CheckFailure.REFUSED: "Codat refused this very call.",
    CheckFailure.NOT_FOUND: "Codat does not know it.",
    CheckFailure.MALFORMED_RESPONSE: "Codat’s answer can’t be understood: a dead letter tells of it.",
}
# Why a letter is dead, and what mends it: docs/operations.md says more.
REASONS = {
    MAX_RECEIVES_EXCEEDED: "Handed out too often",
    "malformed-response": "Codat’s answer could not be understood",
    "unknown-event-type": "A type of event that is not known",
    "invalid-message": "No message of this application’s",
    "invalid-json": "A webhook that is no JSON",
}
REMEDIES = {
    MAX_RECEIVES_EXCEEDED: "The function crashed on it: its log says why. Put it back when that is mended.",
    "malformed-response": "Put it back when Codat answers as it documents, or when a newer version is deployed.",
}
DEFAULT_REMEDY = "Put it back when a newer version is deployed that understands it; or drop it, if it is not Codat’s."
# Why syncs are not in the table as Codat lists them; the last is of those that were too many to be told apart.
DISCREPANCIES = {
    Discrepancy.MISSING: "being fetched, of which the table has nothing",
    Discrepancy.STALE: "being fetched, of which the table has an older state",
    Discrepancy.STUCK: "due to be looked at for long",
    Discrepancy.PENDING: "on their way",
    Discrepancy.DEAD_LETTERED: "set aside as dead letters",
    Discrepancy.NOT_LISTED: "submitted, which Codat does not list",
    "omitted": "not told apart yet",
}
ENDPOINT_PROBLEMS = {
    EndpointState.DISABLED: "Codat has disabled the endpoint of our webhooks: it sends none.",
    EndpointState.WRONG_URL: "Codat sends webhooks about syncs to another address only.",
    EndpointState.MISSING: "Codat has no endpoint for webhooks about syncs.",
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
    at = parse_timestamp(value) if isinstance(value, str) else value
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
