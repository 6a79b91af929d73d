"""Why there is no answer, as RFC 9457 has it: in one place for all that can go wrong."""

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

# What waiting cures, and for how many seconds; what Codat is to blame for. The first that fits counts.
_TEMPORARY_ERRORS: tuple[tuple[type[Exception], str, int], ...] = (
    (AwsResponseError, "AWS does not keep up, or refuses", 5),
    (AwsConnectionError, "AWS does not answer", 5),
    (RateLimitExceededError, "Codat is asked by many at once", 1),
    (UnprocessedItemsError, "The table does not keep up", 5),
    (QueueUnavailableError, "The queue does not answer", 5),
    (RetryUnavailableError, "The function that retries does not answer, or fails", 5),
    (IdentityProviderError, "Who signs people in does not answer, or fails", 5),
    (SecretUnavailableError, "A secret is not in place yet", 300),
)
_CODAT_ERRORS: tuple[tuple[type[CodatSyncError], HTTPStatus, str], ...] = (
    (CodatNotFoundError, HTTPStatus.NOT_FOUND, "Codat does not know it"),
    (CodatUnavailableError, HTTPStatus.GATEWAY_TIMEOUT, "Codat does not answer, or fails"),
    (CodatError, HTTPStatus.BAD_GATEWAY, "Codat's answer can't be understood"),
)


@dataclass(frozen=True, slots=True)
class ProblemDetails:
    """What somebody is told in place of an answer. ``errors`` are parameters, each with what is wrong with it.

    ``later`` is in how many seconds it is worth asking again, if waiting cures it.
    """

    status: HTTPStatus
    title: str
    detail: str | None = None
    errors: tuple[tuple[str, str], ...] = ()
    retry_after: int | None = None

    @property
    def headers(self) -> dict[str, str]:
        """The headers that go with it."""
        return {} if self.retry_after is None else {"retry-after": str(self.retry_after)}


def problem_response(problem: ProblemDetails) -> Response[str]:
    """Return the answer that says so."""
    body: dict[str, Any] = {"type": "about:blank", "title": problem.title, "status": int(problem.status)}
    body |= {"detail": problem.detail, "errors": [{"parameter": name, "detail": why} for name, why in problem.errors]}
    return Response(int(problem.status), CONTENT_TYPE, json.dumps(body), dict(problem.headers))


def not_found(what: str) -> Response[str]:
    """Return the answer that there is no such thing."""
    return problem_response(ProblemDetails(HTTPStatus.NOT_FOUND, f"There is no such {what}"))


def invalid_request(errors: Sequence[tuple[str, str]]) -> ProblemDetails:
    """Return that a question is not valid."""
    detail = "; ".join(f"{parameter} {why}" for parameter, why in errors)
    return ProblemDetails(HTTPStatus.BAD_REQUEST, "The request is not valid", detail, tuple(errors))


def validation_errors(error: RequestValidationError) -> list[tuple[str, str]]:
    """Return the parameters that are not valid, each with why."""
    return [(".".join(map(str, each["loc"][1:])) or "request", str(each["msg"])) for each in error.errors()]


def problem_for(error: Exception, now: datetime) -> ProblemDetails:
    """Return what ``error`` comes to. Raises it if it is none to tell anybody."""
    if isinstance(error, AWS_ERRORS):
        logger.error("AWS request failed", error=type(error).__name__, detail=str(error))
    match error:
        case InvalidQueryError():
            return invalid_request([(error.parameter, str(error).removeprefix(f"{error.parameter} "))])
        case ForbiddenError() | CsrfError():
            return ProblemDetails(HTTPStatus.FORBIDDEN, "You may not do this", str(error))
        case LoginFailedError():
            return ProblemDetails(HTTPStatus.BAD_REQUEST, "Signing in came to nothing", str(error))
        case GateClosedError():
            seconds = max(1, math.ceil((error.closure.until - now).total_seconds()))
            return _temporary("Codat may not be asked just now", f"The reason: {error.closure.reason}", seconds)
    for kind, title, seconds in _TEMPORARY_ERRORS:
        if isinstance(error, kind):
            return _temporary(title, None, seconds)
    for kind, status, title in _CODAT_ERRORS:
        if isinstance(error, kind):
            return ProblemDetails(status, title)
    raise error


def _temporary(title: str, detail: str | None, seconds: int) -> ProblemDetails:
    return ProblemDetails(HTTPStatus.SERVICE_UNAVAILABLE, title, detail, retry_after=seconds)
