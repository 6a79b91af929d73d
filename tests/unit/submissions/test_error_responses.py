"""Map errors to responses of submit."""

from datetime import UTC, datetime, timedelta

import pytest

from codat_sync.core.errors import (
    CodatSyncError,
    CodatUnavailableError,
    CodatUnreachableError,
    InvalidBodyError,
    PoisonMessageError,
    SecretUnavailableError,
    SubmissionInFlightError,
    UnsupportedMediaTypeError,
    ValidationIssue,
)
from codat_sync.rate_limits.errors import GateClosedError, RateLimitExceededError
from codat_sync.rate_limits.quota import Closure, ClosureReason
from codat_sync.submissions.error_responses import error_response_for

_NOW = datetime(2026, 11, 24, 18, tzinfo=UTC)
_CLOSURE = Closure(ClosureReason.QUOTA, _NOW + timedelta(seconds=90))


@pytest.mark.parametrize(
    ("error", "status", "can_be_retried", "retry_after"),
    [
        (InvalidBodyError([ValidationIssue("0.id", "is none")]), 400, "False", None),
        (UnsupportedMediaTypeError([ValidationIssue("Content-Encoding", "must be absent")]), 415, "False", None),
        (SubmissionInFlightError("t", "is being submitted"), 409, "Unknown", None),
        (RateLimitExceededError("all places are taken"), 429, "True", 1),
        (GateClosedError("closed", _CLOSURE), 429, "True", 90),
        (SecretUnavailableError("no key"), 503, "True", None),
        (CodatUnreachableError("ConnectError"), 502, "True", None),
        (CodatUnavailableError("ReadTimeout"), 504, "Unknown", None),
    ],
)
def test_each_error_is_an_answer_in_codats_shape(
    error: CodatSyncError, status: int, can_be_retried: str, retry_after: int | None
) -> None:
    """A product's client of Codat's understands it, and knows whether to try again."""
    refusal = error_response_for(error, _NOW)
    body = refusal.body("request-1")
    assert (refusal.status, refusal.retry_after) == (status, retry_after)
    assert (body["statusCode"], body["canBeRetried"], body["correlationId"]) == (status, can_be_retried, "request-1")
    assert {"service", "error", "validation", "detailedErrorCode"} <= set(body)


def test_an_unexpected_error_is_reraised() -> None:
    """It is a defect of this application."""
    with pytest.raises(PoisonMessageError):
        error_response_for(PoisonMessageError("a", "b"), _NOW)
