"""Map exceptions to problem details, in one place for the API and the pages."""

import math
from datetime import datetime

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError

from codat_sync.aws.errors import AWS_ERRORS, AwsConnectionError, AwsResponseError
from codat_sync.aws.observability import logger
from codat_sync.core.errors import (
    CodatError,
    CodatNotFoundError,
    CodatUnavailableError,
    CsrfError,
    ForbiddenError,
    IdempotencyKeyReusedError,
    IdentityProviderError,
    InvalidQueryError,
    LoginFailedError,
    QueueUnavailableError,
    RequestInProgressError,
    RetryUnavailableError,
    SecretUnavailableError,
    UnprocessedItemsError,
)
from codat_sync.core.problems import CONTENT_TYPE, ProblemDetails, ProblemType, invalid_request
from codat_sync.rate_limits.errors import GateClosedError, RateLimitExceededError

# The first match applies.
_TYPES: tuple[tuple[type[Exception], ProblemType], ...] = (
    (AwsResponseError, ProblemType.AWS_REJECTED_REQUEST),
    (AwsConnectionError, ProblemType.AWS_UNAVAILABLE),
    (RequestInProgressError, ProblemType.REQUEST_IN_PROGRESS),
    (IdempotencyKeyReusedError, ProblemType.IDEMPOTENCY_KEY_REUSED),
    (RateLimitExceededError, ProblemType.TOO_MANY_CODAT_REQUESTS),
    (UnprocessedItemsError, ProblemType.TABLE_THROTTLED),
    (QueueUnavailableError, ProblemType.QUEUE_UNAVAILABLE),
    (RetryUnavailableError, ProblemType.RETRY_UNAVAILABLE),
    (IdentityProviderError, ProblemType.IDENTITY_PROVIDER_UNAVAILABLE),
    (SecretUnavailableError, ProblemType.SECRET_UNAVAILABLE),
    (CodatNotFoundError, ProblemType.NOT_FOUND_IN_CODAT),
    (CodatUnavailableError, ProblemType.CODAT_UNAVAILABLE),
    (CodatError, ProblemType.INVALID_CODAT_RESPONSE),
)


def problem_response(problem: ProblemDetails) -> Response[str]:
    """Build a problem response."""
    return Response(int(problem.status), CONTENT_TYPE, problem.to_json(), dict(problem.headers))


def not_found(what: str) -> Response[str]:
    """Build the 404 response for a missing ``what``."""
    return problem_response(missing(what))


def missing(what: str) -> ProblemDetails:
    """Return the problem of a request for a ``what`` that does not exist."""
    return ProblemDetails(ProblemType.NOT_FOUND, f"There is no such {what}.")


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
            return ProblemDetails(ProblemType.FORBIDDEN, str(error))
        case LoginFailedError():
            return ProblemDetails(ProblemType.SIGN_IN_FAILED, str(error))
        case GateClosedError():
            seconds = max(1, math.ceil((error.closure.until - now).total_seconds()))
            return ProblemDetails(ProblemType.CODAT_CALLS_PAUSED, f"Reason: {error.closure.reason}", seconds=seconds)
    for kind, problem_type in _TYPES:
        if isinstance(error, kind):
            return ProblemDetails(problem_type)
    raise error
