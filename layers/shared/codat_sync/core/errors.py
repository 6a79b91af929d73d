"""Errors of this application: each is raised where it is detected and mapped to a response in one place."""

from collections.abc import Sequence
from dataclasses import dataclass

_MAX_ISSUES = 100
# A detail may quote external input of any length.
_MAX_DETAIL_LENGTH = 500


class CodatSyncError(Exception):
    """Base class of this application's errors."""


class SettingsError(CodatSyncError):
    """An environment variable is missing or has an invalid value."""


class SecretUnavailableError(CodatSyncError):
    """A secret can't be read, has no value yet, or is invalid. Retry later, or an operator has to fix it."""


class QueueUnavailableError(CodatSyncError):
    """A queue did not accept a message. Retry later."""


class EventBusUnavailableError(CodatSyncError):
    """The event bus did not accept all events. Retry later."""


class RetryUnavailableError(CodatSyncError):
    """The retry function can't be reached or failed. Retry later, or see its log."""


class WebhookAuthenticationError(CodatSyncError):
    """A request has no valid signature of Codat's."""


class SignatureMismatchError(WebhookAuthenticationError):
    """A well-formed signature of this moment that none of the known secrets made: they may be out of date."""


class WebhookUnverifiableError(CodatSyncError):
    """It can't be decided now whether a request comes from Codat. Codat has to send it again."""


class ForbiddenError(CodatSyncError):
    """The user lacks the role that a request requires."""


class RequestInProgressError(CodatSyncError):
    """A request with the same Idempotency-Key is in progress. Repeat it later to get the result."""


class IdempotencyKeyReusedError(CodatSyncError):
    """The Idempotency-Key was used for another request."""


class CsrfError(CodatSyncError):
    """A state-changing request did not originate from our own pages."""


class LoginFailedError(CodatSyncError):
    """The identity provider's redirect is invalid. Signing in again fixes it, unless the redirect was forged."""


class IdentityProviderError(CodatSyncError):
    """The identity provider is unavailable or its response is invalid. Retry later, or an operator has to fix it."""


class MessageTooLargeError(CodatSyncError):
    """An event that is not about a sync is too large for a queue message."""


class PoisonMessageError(CodatSyncError):
    """A message that no retry can fix: it goes to the dead-letter queue, with the reason.

    ``reason`` is a short hyphenated code to count and search by; ``detail`` is a sentence to read.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail if len(detail) <= _MAX_DETAIL_LENGTH else f"{detail[:_MAX_DETAIL_LENGTH]}…"


class ConditionFailedError(CodatSyncError):
    """An item of the table has changed since it was read."""


class VersionConflictError(CodatSyncError):
    """Another worker committed since the version was read: the loser starts over."""


class UnprocessedItemsError(CodatSyncError):
    """DynamoDB left part of a request unprocessed after all retries. Retry later."""


@dataclass(frozen=True, slots=True)
class ValidationIssue:
    """A problem with a body, and its location."""

    location: str
    message: str


def _shorten(issue: ValidationIssue) -> ValidationIssue:
    """Return the issue with bounded texts in valid Unicode: they quote the body's field names."""
    location, message = (
        text[:_MAX_DETAIL_LENGTH].encode(errors="replace").decode() for text in (issue.location, issue.message)
    )
    return ValidationIssue(location, message)


class InvalidBodyError(CodatSyncError):
    """Codat would reject this request, or it can't be recorded.

    ``issues`` are the first hundred of its problems, in a form that can be logged.
    """

    def __init__(self, issues: Sequence[ValidationIssue]) -> None:
        self.issues = tuple(_shorten(each) for each in issues[:_MAX_ISSUES])
        named = [f"{each.location} {each.message}".strip() for each in self.issues]
        omitted = len(issues) - len(named)
        super().__init__("; ".join([*named, f"and {omitted} more"] if omitted else named))


class UnsupportedMediaTypeError(InvalidBodyError):
    """The body is encoded in a way in which it can't be recorded."""


class InvalidQueryError(CodatSyncError):
    """A query parameter is invalid: ``parameter`` is its name, the text says what is wrong with it."""

    def __init__(self, parameter: str, reason: str) -> None:
        super().__init__(f"{parameter} {reason}")
        self.parameter = parameter


class ClaimConflictError(CodatSyncError):
    """A submission or claim has changed: a concurrent writer was first."""


class CompanyErasedError(CodatSyncError):
    """The company's data was erased on request: nothing of it is written or sent."""

    def __init__(self, company_id: str) -> None:
        super().__init__(f"company {company_id} was erased on request")


class TooEarlyError(CodatSyncError):
    """The operation is possible only later. The text says when."""


class InvocationDeadlineError(CodatSyncError):
    """The function's invocation has ended: another invocation completes its unfinished work."""


class SubmissionInFlightError(CodatSyncError):
    """A transaction has a submission in flight: another submission could write it twice."""

    def __init__(self, transaction_id: str, reason: str) -> None:
        super().__init__(f"transaction {transaction_id} {reason}")
        self.transaction_id = transaction_id


class AlreadyWrittenError(CodatSyncError):
    """Transactions are in the books already: creating them again could write them twice. The text is Codat's own."""

    def __init__(self, transaction_ids: Sequence[str]) -> None:
        super().__init__(f"One or more transactions have previously been processed: {', '.join(transaction_ids)}")


class CodatError(CodatSyncError):
    """A request to Codat failed. ``correlation_id`` is Codat's own, to quote to its support."""

    def __init__(self, message: str, *, correlation_id: str | None = None) -> None:
        super().__init__(message)
        self.correlation_id = correlation_id


class CodatUnavailableError(CodatError):
    """Codat could not be reached, timed out or failed (5xx). Retry later."""


class CodatUnreachableError(CodatUnavailableError):
    """Codat could not be reached: the request was not delivered. Retry later."""


class CodatResponseTooLargeError(CodatUnavailableError):
    """Codat's response is too large to be read. What was requested may have been done."""


class CodatInconsistentResponseError(CodatUnavailableError):
    """Codat's responses contradict each other. A retry helps only if something changed between them."""


class CodatNotFoundError(CodatError):
    """Codat doesn't know the company or sync, or not yet (404)."""


class CodatOtherCompanyError(CodatNotFoundError):
    """Codat knows the sync, but as one of another company: ``company_id``."""

    def __init__(self, message: str, company_id: str) -> None:
        super().__init__(message)
        self.company_id = company_id


class CodatResponseError(CodatError):
    """Codat's response does not match its documentation."""


class CodatMalformedResponseError(CodatResponseError):
    """Codat's response can't be parsed, perhaps because of the connection."""
