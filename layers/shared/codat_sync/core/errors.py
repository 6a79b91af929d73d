"""The errors of this application: each raised where it is known, and turned into an answer in one place."""

from collections.abc import Sequence
from dataclasses import dataclass

# A detail may quote what came from outside, which can be of any length.
_MAX_DETAIL_LENGTH = 500


class CodatSyncError(Exception):
    """What all errors of this application are."""


class SettingsError(CodatSyncError):
    """The environment lacks a variable, or holds a value that it cannot be."""


class SecretUnavailableError(CodatSyncError):
    """A secret cannot be read, has no value yet, or a value that cannot be used. Waiting, or a person, cures it."""


class QueueUnavailableError(CodatSyncError):
    """A queue did not take a message. Waiting cures it."""


class EventBusUnavailableError(CodatSyncError):
    """The event bus did not take all that was put on it. Waiting cures it."""


class RetryUnavailableError(CodatSyncError):
    """The function retry can't be reached, or failed. Waiting cures it, or its log tells."""


class WebhookAuthenticationError(CodatSyncError):
    """A request that Codat did not sign."""


class ForbiddenError(CodatSyncError):
    """Somebody asks for what they have no role for."""


class CsrfError(CodatSyncError):
    """A request that changes something, and was not made on a page of ours."""


class LoginFailedError(CodatSyncError):
    """Somebody comes from the issuer with nothing that counts. To sign in anew cures it, unless they were forged."""


class IdentityProviderError(CodatSyncError):
    """The issuer does not answer, or not as it has to. Waiting, or a person, cures it."""


class MessageTooLargeError(CodatSyncError):
    """An event that does not fit into a queue message, and is not of a sync."""


class PoisonMessageError(CodatSyncError):
    """A message that no retry cures: it is set aside, with the reason, for a person.

    ``reason`` is one word or a few, joined by hyphens, to count and search by; ``detail`` a sentence to read.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail if len(detail) <= _MAX_DETAIL_LENGTH else f"{detail[:_MAX_DETAIL_LENGTH]}…"


class ConditionFailedError(CodatSyncError):
    """An item of the table is not as it was when it was read."""


class VersionConflictError(CodatSyncError):
    """Another worker committed since the version was read: who lost starts over."""


class UnprocessedItemsError(CodatSyncError):
    """DynamoDB did not do all of what it was asked, however often. Waiting cures it."""


@dataclass(frozen=True, slots=True)
class ValidationIssue:
    """What is wrong with a body, and where."""

    location: str
    message: str


class InvalidBodyError(CodatSyncError):
    """A body that Codat would refuse."""

    def __init__(self, issues: Sequence[ValidationIssue]) -> None:
        super().__init__("; ".join(f"{each.location} {each.message}".strip() for each in issues))
        self.issues = tuple(issues)


class InvalidQueryError(CodatSyncError):
    """A question that has no answer: ``parameter`` is its name, the text says what is wrong with it."""

    def __init__(self, parameter: str, reason: str) -> None:
        super().__init__(f"{parameter} {reason}")
        self.parameter = parameter


class ClaimConflictError(CodatSyncError):
    """A submission, or a claim, is not where it was: another was quicker."""


class CompanyErasedError(CodatSyncError):
    """A company that was forgotten on request: nothing of it is written or sent."""

    def __init__(self, company_id: str) -> None:
        super().__init__(f"company {company_id} was forgotten on request")


class TooEarlyError(CodatSyncError):
    """Something that can be done only later. The text says when."""


class InvocationDeadlineError(CodatSyncError):
    """The run of a function is over: what it has left undone is done by another one."""


class SubmissionInFlightError(CodatSyncError):
    """A transaction has a submission in flight: another one could write it twice."""

    def __init__(self, transaction_id: str, reason: str) -> None:
        super().__init__(f"transaction {transaction_id} {reason}")
        self.transaction_id = transaction_id


class CodatError(CodatSyncError):
    """Codat did not answer with what was asked for. ``correlation_id`` is Codat's own, to quote to its support."""

    def __init__(self, message: str, *, correlation_id: str | None = None) -> None:
        super().__init__(message)
        self.correlation_id = correlation_id


class CodatUnavailableError(CodatError):
    """Codat could not be reached, took too long or failed (5xx). Waiting cures it."""


class CodatUnreachableError(CodatUnavailableError):
    """Codat could not be reached: what was to be sent has not arrived. Waiting cures it."""


class CodatInconsistentResponseError(CodatUnavailableError):
    """Codat's answers do not fit together. Waiting cures it if something changed in between; else nothing does."""


class CodatNotFoundError(CodatError):
    """Codat does not know the company or the sync (404), or does not know it yet."""


class CodatResponseError(CodatError):
    """Codat's answer is not what its documentation says it is."""


class CodatMalformedResponseError(CodatResponseError):
    """Codat's answer can't be read: perhaps a connection was to blame."""
