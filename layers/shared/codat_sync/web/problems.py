"""Map exceptions to problem details (RFC 9457), in one place for the API and the pages."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError

from codat_sync.aws.errors import AWS_ERRORS, AwsConnectionError, AwsResponseError
from codat_sync.aws.observability import logger
from codat_sync.core.errors import (
    CodatError,
    CodatNotFoundError,
    CodatSyncError,
    CodatUnavailableError,
    CsrfError,
    ForbiddenError,
    IdentityProviderError,
    InvalidQueryError,
    LoginFailedError,
    QueueUnavailableError,
    RetryUnavailableError,
    SecretUnavailableError,
    UnprocessedItemsError,
)
from codat_sync.rate_limits.errors import GateClosedError, RateLimitExceededError

CONTENT_TYPE = "application/problem+json"

# Exception, title and Retry-After in seconds; then errors caused by Codat. The first match applies.
_TEMPORARY_ERRORS: tuple[tuple[type[Exception], str, int], ...] = (
    (AwsResponseError, "AWS rejected or throttled a request", 5),
    (AwsConnectionError, "AWS is unavailable", 5),
    (RateLimitExceededError, "Too many concurrent requests to Codat", 1),
    (UnprocessedItemsError, "The table is throttled", 5),
    (QueueUnavailableError, "The queue is unavailable", 5),
    (RetryUnavailableError, "The retry function is unavailable", 5),
    (IdentityProviderError, "Identity provider unavailable", 5),
    (SecretUnavailableError, "A secret has not been configured yet", 300),
)
_CODAT_ERRORS: tuple[tuple[type[CodatSyncError], HTTPStatus, str], ...] = (
    (CodatNotFoundError, HTTPStatus.NOT_FOUND, "Not found in Codat"),
    (CodatUnavailableError, HTTPStatus.GATEWAY_TIMEOUT, "Codat is unavailable"),
    (CodatError, HTTPStatus.BAD_GATEWAY, "Codat returned an invalid response"),
)


@dataclass(frozen=True, slots=True)
class ProblemDetails:
    """An error response. ``errors`` are invalid parameters, each with an explanation.

    ``retry_after`` is the number of seconds after which to retry, None if a retry would not help.
    """

    status: HTTPStatus
    title: str
    detail: str | None = None
    errors: tuple[tuple[str, str], ...] = ()
    retry_after: int | None = None

    @property
    def headers(self) -> dict[str, str]:
        """The Retry-After header, if there is one."""
        return {} if self.retry_after is None else {"retry-after": str(self.retry_after)}


def problem_response(problem: ProblemDetails) -> Response[str]:
    """Build a problem response."""
    body: dict[str, Any] = {"type": "about:blank", "title": problem.title, "status": int(problem.status)}
    body |= {"detail": problem.detail, "errors": [{"parameter": name, "detail": why} for name, why in problem.errors]}
    return Response(int(problem.status), CONTENT_TYPE, json.dumps(body), dict(problem.headers))


def not_found(what: str) -> Response[str]:
    """Build the 404 response for a missing ``what``."""
    return problem_response(ProblemDetails(HTTPStatus.NOT_FOUND, f"There is no such {what}"))


def invalid_request(errors: Sequence[tuple[str, str]]) -> ProblemDetails:
    """Return the problem of a request with invalid parameters."""
    detail = "; ".join(f"{parameter} {why}" for parameter, why in errors)
    return ProblemDetails(HTTPStatus.BAD_REQUEST, "The request is not valid", detail, tuple(errors))


def validation_errors(error: RequestValidationError) -> list[tuple[str, str]]:
    """Return the invalid parameters, each with an explanation."""
    return [(".".join(map(str, each["loc"][1:])) or "request", str(each["msg"])) for each in error.errors()]


def problem_for(error: Exception, now: datetime) -> ProblemDetails:
    """Map ``error`` to problem details. Raises it again if it is unexpected."""
    if isinstance(error, AWS_ERRORS):
        logger.error("AWS request failed", error=type(error).__name__, detail=str(error))
    match error:
        case InvalidQueryError():
            return invalid_request([(error.parameter, str(error).removeprefix(f"{error.parameter} "))])
        case ForbiddenError() | CsrfError():
            return ProblemDetails(HTTPStatus.FORBIDDEN, "You may not do this", str(error))
        case LoginFailedError():
            return ProblemDetails(HTTPStatus.BAD_REQUEST, "Sign-in failed", str(error))
        case GateClosedError():
            seconds = max(1, math.ceil((error.closure.until - now).total_seconds()))
            return _temporary("Calls to Codat are paused", f"Reason: {error.closure.reason}", seconds)
    for kind, title, seconds in _TEMPORARY_ERRORS:
        if isinstance(error, kind):
            return _temporary(title, None, seconds)
    for kind, status, title in _CODAT_ERRORS:
        if isinstance(error, kind):
            return ProblemDetails(status, title)
    raise error


def _temporary(title: str, detail: str | None, seconds: int) -> ProblemDetails:
    return ProblemDetails(HTTPStatus.SERVICE_UNAVAILABLE, title, detail, retry_after=seconds)
