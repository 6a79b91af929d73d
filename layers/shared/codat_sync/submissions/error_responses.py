"""Build the error responses of submit for requests that got no response from Codat.

They have the shape of Codat's own errors, so that any Codat client can parse them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Literal

from codat_sync.core.errors import (
    AlreadyWrittenError,
    CodatError,
    CodatResponseTooLargeError,
    CodatSyncError,
    CodatUnavailableError,
    CodatUnreachableError,
    CompanyErasedError,
    InvalidBodyError,
    SecretUnavailableError,
    SubmissionInFlightError,
    UnsupportedMediaTypeError,
    ValidationIssue,
)
from codat_sync.rate_limits.errors import GateClosedError, RateLimitExceededError

# Codat's canBeRetried is a string.
Retriable = Literal["True", "False", "Unknown"]


@dataclass(frozen=True, slots=True)
class ErrorResponse:
    """An error response. ``retry_after`` is in seconds."""

    status: HTTPStatus
    message: str
    can_be_retried: Retriable
    retry_after: int | None = None
    issues: Sequence[ValidationIssue] = ()

    def body(self, correlation_id: str) -> dict[str, object]:
        """Return the body in Codat's error format."""
        return {
            "statusCode": int(self.status),
            "service": "codat-sync",
            "error": self.message,
            "correlationId": correlation_id,
            "validation": {
                "errors": [
                    {"itemId": each.location, "message": each.message, "validatorName": "codat-sync"}
                    for each in self.issues
                ],
                "warnings": [],
            },
            "canBeRetried": self.can_be_retried,
            "detailedErrorCode": 0,
        }


# Errors whose details are not exposed; the first matching type wins.
_FIXED_RESPONSES: tuple[tuple[type[CodatSyncError], ErrorResponse], ...] = (
    (
        SecretUnavailableError,
        ErrorResponse(HTTPStatus.SERVICE_UNAVAILABLE, "The API key is not available. Nothing was sent.", "True"),
    ),
    (
        CodatUnreachableError,
        ErrorResponse(HTTPStatus.BAD_GATEWAY, "Codat could not be reached. Nothing was sent.", "True"),
    ),
    (
        CodatResponseTooLargeError,
        ErrorResponse(
            HTTPStatus.BAD_GATEWAY,
            "Codat's response is larger than 6 MB, which AWS Lambda can't return. Read smaller pages, or read from "
            "Codat directly. A write was recorded: do not send it elsewhere.",
            "Unknown",
        ),
    ),
    (
        CodatUnavailableError,
        ErrorResponse(
            HTTPStatus.GATEWAY_TIMEOUT,
            "Codat did not answer in time. Repeating the same request with the same idempotency key is safe.",
            "Unknown",
        ),
    ),
    (
        CodatError,
        ErrorResponse(HTTPStatus.BAD_GATEWAY, "Codat's response is invalid. Nothing more was sent.", "Unknown"),
    ),
)


def error_response_for(error: CodatSyncError, now: datetime) -> ErrorResponse:
    """Map ``error`` to a response. Re-raises it if it is not meant for the caller."""
    match error:
        case InvalidBodyError() | AlreadyWrittenError():
            is_encoded = isinstance(error, UnsupportedMediaTypeError)
            status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE if is_encoded else HTTPStatus.BAD_REQUEST
            issues = error.issues if isinstance(error, InvalidBodyError) else ()
            return ErrorResponse(status, str(error), "False", issues=issues)
        case CompanyErasedError():
            return ErrorResponse(HTTPStatus.GONE, f"{error}. Nothing was sent.", "False")
        case SubmissionInFlightError():
            return ErrorResponse(HTTPStatus.CONFLICT, f"{error}. Nothing was sent.", "Unknown")
        case RateLimitExceededError():
            return ErrorResponse(HTTPStatus.TOO_MANY_REQUESTS, f"{error}. Nothing was sent.", "True", retry_after=1)
        case GateClosedError():
            seconds = max(1, math.ceil((error.closure.until - now).total_seconds()))
            message = f"Calls to Codat are suspended: {error}. Nothing was sent."
            return ErrorResponse(HTTPStatus.TOO_MANY_REQUESTS, message, "True", retry_after=seconds)
    for kind, response in _FIXED_RESPONSES:
        if isinstance(error, kind):
            return response
    raise error
