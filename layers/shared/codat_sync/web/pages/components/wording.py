"""Labels and number formats shown on pages."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal

from codat_sync.audit.entry import Action
from codat_sync.bulk_retries.bulk_retry import BulkRetryState
from codat_sync.companies.company import ConnectionState
from codat_sync.companies.configuration import NotKept
from codat_sync.core.timestamps import format_timestamp, parse_timestamp
from codat_sync.dead_letters.dead_letter import MAX_RECEIVES_EXCEEDED
from codat_sync.polling.schedule import CheckFailure
from codat_sync.reconciliation.comparison import Discrepancy
from codat_sync.retries.in_books import InBooks
from codat_sync.search.kinds import SearchKind
from codat_sync.syncs.retry_record import DecisionKind, RetryState, Step
from codat_sync.syncs.status_codes import ActionOwner, Outcome
from codat_sync.syncs.work_category import WorkCategory
from codat_sync.webhooks.endpoint import EndpointState

OUTCOMES = {
    Outcome.SUCCEEDED: "Succeeded",
    Outcome.FAILED: "Failed",
    Outcome.IN_PROGRESS: "In progress",
    Outcome.SUBMITTED: "Submitted",
    Outcome.ANNOUNCED: "Announced",
    Outcome.UNKNOWN: "Unknown",
}
SEARCH_KINDS = {
    SearchKind.SYNC: "Sync",
    SearchKind.COMPANY: "Company",
    SearchKind.TRANSACTION: "Transaction",
    SearchKind.MERCHANT: "Merchant",
    SearchKind.REFERENCE: "Reference",
    SearchKind.AMOUNT: "Amount",
}
SEARCH_TITLES = {
    SearchKind.SYNC: "Syncs",
    SearchKind.COMPANY: "Companies",
    SearchKind.TRANSACTION: "Transactions",
    SearchKind.MERCHANT: "Expenses by merchant",
    SearchKind.REFERENCE: "Expenses by reference",
    SearchKind.AMOUNT: "Expenses by amount",
}
ACTION_OWNERS = {
    ActionOwner.NOBODY: "Nobody",
    ActionOwner.OUR_TEAM: "Our team",
    ActionOwner.CUSTOMER: "The customer",
    ActionOwner.CODAT: "Codat",
}
STEPS = {
    Step.RETRY_NOW: "Can be retried",
    Step.SCHEDULED: "Scheduled",
    Step.IN_PROGRESS: "In progress",
    Step.STUCK_AT_CODAT: "Stuck at Codat",
    Step.NEEDS_CORRECTION: "Needs correction",
    Step.NEEDS_RECONNECTION: "Needs reconnection",
    Step.NEEDS_BILLING: "Needs a renewed subscription",
    Step.ALREADY_WRITTEN: "Already written",
    Step.PARTIALLY_WRITTEN: "Partially written",
    Step.OUTCOME_UNKNOWN: "Unknown whether it was written",
    Step.NO_BODY_RECORDED: "We don’t have a copy to resubmit",
    Step.ATTEMPTS_EXHAUSTED: "All attempts used",
    Step.NOT_FAILED: "Has not failed",
}
BULK_STATES = {
    BulkRetryState.RUNNING: "Running",
    BulkRetryState.STOPPED: "Stopped",
    BulkRetryState.FINISHED: "Finished",
}
# The label, and the outcome whose colour it takes.
IN_BOOKS = {
    InBooks.YES: ("Yes", Outcome.SUCCEEDED),
    InBooks.NO: ("No", Outcome.FAILED),
    InBooks.UNKNOWN: ("Unknown", Outcome.UNKNOWN),
}
CONNECTIONS = {
    ConnectionState.LINKED: "Linked",
    ConnectionState.PENDING: "Waiting for the customer",
    ConnectionState.DEAUTHORIZED: "Deauthorized",
    ConnectionState.UNLINKED: "Unlinked",
    ConnectionState.DELETED: "Deleted in Codat",
    ConnectionState.UNKNOWN: "Unknown",
}
RETRY_STATES = {
    RetryState.OPEN: "Not checked yet",
    RetryState.SCHEDULED: "Scheduled",
    RetryState.RESOLVED: "All written",
    RetryState.STOPPED: "Needs manual action",
    RetryState.NOT_FAILED: "Nothing failed",
}
CATEGORIES = {
    WorkCategory.OUR_TEAM: "Our team",
    WorkCategory.CUSTOMER: "The customer",
    WorkCategory.CODAT: "Codat",
    WorkCategory.SCHEDULED: "Scheduled",
    WorkCategory.IN_PROGRESS: "In progress",
    WorkCategory.RESOLVED: "Resolved",
    WorkCategory.DISMISSED: "Dismissed",
}
# The outcome whose colour each category takes.
CATEGORY_TONES = {
    WorkCategory.OUR_TEAM: Outcome.FAILED,
    WorkCategory.CUSTOMER: Outcome.FAILED,
    WorkCategory.CODAT: Outcome.FAILED,
    WorkCategory.SCHEDULED: Outcome.SUBMITTED,
    WorkCategory.IN_PROGRESS: Outcome.IN_PROGRESS,
    WorkCategory.RESOLVED: Outcome.SUCCEEDED,
    WorkCategory.DISMISSED: Outcome.ANNOUNCED,
}
DECISIONS = {
    DecisionKind.DISMISS: "Dismissed",
    DecisionKind.REOPEN: "Reopened",
    DecisionKind.NOTE: "Noted",
}
# The category as a tag beside the outcome, in lists of syncs.
CATEGORY_TAGS = CATEGORIES | {
    WorkCategory.OUR_TEAM: "Needs our team",
    WorkCategory.CUSTOMER: "Needs the customer",
    WorkCategory.CODAT: "Needs Codat",
    WorkCategory.SCHEDULED: "Retry scheduled",
    WorkCategory.IN_PROGRESS: "Retry in progress",
}
AUDIT_ACTIONS = {
    Action.RETRY: "Retried",
    Action.BULK_RETRY: "Bulk retry started",
    Action.STOP_BULK_RETRY: "Bulk retry stopped",
    Action.DISMISS: "Dismissed",
    Action.REOPEN: "Reopened",
    Action.NOTE: "Noted",
    Action.RESOLVE: "Outcome stated",
    Action.ACKNOWLEDGE: "Unknown outcomes closed",
    Action.REFRESH: "Refreshed from Codat",
    Action.REPROCESS: "Dead letter reprocessed",
    Action.DROP: "Dead letter dropped",
    Action.ERASE: "Company erased",
    Action.UNERASE: "Erasure block lifted",
    Action.PURGE_BODIES: "Request bodies purged",
}
# Labels of an audit entry's details whose names are not readable as they are.
AUDIT_DETAILS = {
    "retrySyncIds": "created syncs",
    "transactionId": "transaction",
    "bulkRetryId": "bulk retry",
    "submissionId": "submission",
    "notWritten": "not written",
    "deadLetters": "dead letters",
}
NOT_KEPT = {
    NotKept.NONE_IN_CODAT: "Codat had none for this company.",
    NotKept.CALLS_PAUSED: "calls to Codat were paused, or less than a tenth of the daily quota was left.",
    NotKept.REFUSED: "Codat refused to show it with this API key.",
    NotKept.UNAVAILABLE: "Codat did not respond to the request.",
    NotKept.NO_TIME: "too many syncs failed at the same time.",
    NotKept.TOO_LARGE: "it was too large.",
}
CHECK_ERRORS = {
    CheckFailure.GATE_CLOSED: "Calls to Codat are paused: the quota is used up, or Codat rejects the API key.",
    CheckFailure.NO_API_KEY: "The API key for Codat has not been configured yet.",
    CheckFailure.UNAVAILABLE: "Codat is unavailable or returns errors.",
    CheckFailure.REFUSED: "Codat rejected this request.",
    CheckFailure.NOT_FOUND: "Not found in Codat.",
    CheckFailure.MALFORMED_RESPONSE: "Codat’s response could not be parsed: see the dead letters.",
}
# Reasons for dead letters, and how to fix them. See docs/operations.md for details.
REASONS = {
    MAX_RECEIVES_EXCEEDED: "Delivered too many times",
    "malformed-response": "Codat’s response could not be parsed",
    "unknown-event-type": "Unknown event type",
    "invalid-message": "Unrecognised message",
    "invalid-json": "Webhook body is not JSON",
}
REMEDIES = {
    MAX_RECEIVES_EXCEEDED: "The function crashed while processing them: see its log. Reprocess them after the fix.",
    "malformed-response": "Reprocess them when Codat’s responses match its documentation, or after deploying a fix.",
}
DEFAULT_REMEDY = "Reprocess them after deploying a version that supports them, or drop them if Codat did not send them."
# How stored syncs differ from Codat's list: one sync, several syncs. "omitted" counts those beyond the limit.
DISCREPANCIES = {
    Discrepancy.MISSING: ("missing sync is being fetched", "missing syncs are being fetched"),
    Discrepancy.STALE: ("outdated sync is being fetched again", "outdated syncs are being fetched again"),
    Discrepancy.STUCK: ("sync is overdue for a check", "syncs are overdue for a check"),
    Discrepancy.PENDING: ("sync is about to be fetched", "syncs are about to be fetched"),
    Discrepancy.DEAD_LETTERED: ("sync is a dead letter", "syncs are dead letters"),
    Discrepancy.NOT_LISTED: ("submitted sync is not listed by Codat", "submitted syncs are not listed by Codat"),
    "omitted": ("sync is not classified yet", "syncs are not classified yet"),
}
ENDPOINT_STATES = {
    EndpointState.HEALTHY: "OK",
    EndpointState.DISABLED: "Disabled",
    EndpointState.WRONG_URL: "Wrong URL",
    EndpointState.MISSING: "Missing",
    EndpointState.UNSUBSCRIBED: "Events not subscribed",
    EndpointState.FILTERED: "Some companies only",
    EndpointState.UNKNOWN: "Unknown",
}
ENDPOINT_PROBLEMS = {
    EndpointState.DISABLED: "Codat has disabled our webhook endpoint and does not send all webhooks.",
    EndpointState.WRONG_URL: "Codat sends sync webhooks only to a different URL.",
    EndpointState.MISSING: "No webhook endpoint for syncs is configured in Codat.",
    EndpointState.UNSUBSCRIBED: "Our webhook endpoint is not subscribed to every event that ends a sync.",
    EndpointState.FILTERED: "Codat sends us webhooks only for companies with certain tags.",
    EndpointState.UNKNOWN: "The state of our webhook endpoint in Codat could not be determined.",
}
# Codat's transaction statuses take the colour of the matching outcome.
_LIKE = {"Completed": "succeeded", "Pending": "inProgress"}
_FAILED = ("PushError", "ValidationError", "Failed")


def status_like(status: str | None) -> str:
    """Return the outcome whose colour a transaction's status takes."""
    return "failed" if status in _FAILED else _LIKE.get(status or "", "unknown")


def moment(value: datetime | str | None) -> str:
    """Format a time in UTC, to the second. Text that is not a timestamp is returned unchanged."""
    at = parse_timestamp(value) if isinstance(value, str) else value
    return f"{_day(at)}, {at:%H:%M:%S}" if at else str(value or "")


def instant(value: datetime | str) -> str:
    """Format a time for ``datetime=``, with its offset. Text that is not a timestamp is returned unchanged."""
    at = parse_timestamp(value) if isinstance(value, str) else value
    return format_timestamp(at) if at else str(value)


def day(value: date) -> str:
    """Format a date with its weekday."""
    return f"{value:%a} {_day(value)}"


def number(value: int) -> str:
    """Format a number with thousands separators."""
    return f"{value:,}"


def amount(value: Decimal | None) -> str:
    """Format an amount with thousands separators and at least two decimals, none of which is rounded away."""
    if value is None:
        return "–"
    decimals = -int(value.as_tuple().exponent)
    return f"{value:,.{max(decimals, 2)}f}"


def percent(part: int, whole: int) -> str:
    """Format a share as a percentage, never rounding to 0 % or 100 %."""
    if not whole:
        return "–"
    share = 100 * part / whole
    if 0 < share < 1:
        return "< 1 %"
    return f"{min(round(share), 99) if part < whole else 100} %"


def plural(count: int, one: str, many: str = "") -> str:
    """Format a count with its noun, singular or plural."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def discrepancies(reasons: Mapping[str, int]) -> str:
    """Describe how many syncs differ from Codat's list, by reason. Unknown reasons are shown as they are."""
    return ", ".join(plural(count, *DISCREPANCIES.get(reason, (reason, reason))) for reason, count in reasons.items())


def _day(value: date) -> str:
    return f"{value.day} {value:%b %Y}"
