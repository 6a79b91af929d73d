"""Problem details (RFC 9457): every type of error that the API returns, and their JSON form.

`docs/api.md` lists the types. Codes are stable: clients decide by them, so a code is never renamed or reused.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from typing import Any

CONTENT_TYPE = "application/problem+json"
# The API serves the descriptions of all types at this path, so a type's URI leads to its description.
_TYPES = "/api/v1/problems"


class ProblemType(Enum):
    """A type of error: its code, HTTP status and title, what to do, and the default of Retry-After in seconds."""

    INVALID_REQUEST = (
        "invalidRequest",
        HTTPStatus.BAD_REQUEST,
        "The request is not valid",
        "Correct the parameters that `errors` names. Unknown parameters are errors too.",
    )
    SIGN_IN_FAILED = (
        "signInFailed",
        HTTPStatus.BAD_REQUEST,
        "Sign-in failed",
        "Sign in again. Only pages return this error.",
    )
    FORBIDDEN = (
        "forbidden",
        HTTPStatus.FORBIDDEN,
        "Permission denied",
        "`detail` names the role that the token lacks.",
    )
    NOT_FOUND = ("notFound", HTTPStatus.NOT_FOUND, "Not found", "`detail` says what does not exist. Check the ids.")
    NO_SUCH_PATH = (
        "noSuchPath",
        HTTPStatus.NOT_FOUND,
        "There is no such path",
        "Check the path against the OpenAPI document.",
    )
    NOT_FOUND_IN_CODAT = (
        "notFoundInCodat",
        HTTPStatus.NOT_FOUND,
        "Not found in Codat",
        "Codat does not know the company or sync (yet).",
    )
    METHOD_NOT_ALLOWED = (
        "methodNotAllowed",
        HTTPStatus.METHOD_NOT_ALLOWED,
        "The path does not support this method",
        "Use one of the methods in the header `Allow`.",
    )
    REQUEST_IN_PROGRESS = (
        "requestInProgress",
        HTTPStatus.CONFLICT,
        "A request with this Idempotency-Key is in progress",
        "Wait, then send the same request again to get its result.",
        2,
    )
    IDEMPOTENCY_KEY_REUSED = (
        "idempotencyKeyReused",
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "This Idempotency-Key was used for another request",
        "Use a new key for each request, and the same key only to repeat a request unchanged.",
    )
    RESPONSE_TOO_LARGE = (
        "responseTooLarge",
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "The response is too large",
        "Request fewer rows: a smaller `limit`, or a filter.",
    )
    AWS_REJECTED_REQUEST = (
        "awsRejectedRequest",
        HTTPStatus.SERVICE_UNAVAILABLE,
        "AWS rejected or throttled a request",
        "Try again later. If it persists, an operator has to check the log.",
        5,
    )
    AWS_UNAVAILABLE = ("awsUnavailable", HTTPStatus.SERVICE_UNAVAILABLE, "AWS is unavailable", "Try again later.", 5)
    TABLE_THROTTLED = (
        "tableThrottled",
        HTTPStatus.SERVICE_UNAVAILABLE,
        "The table is throttled",
        "Try again later.",
        5,
    )
    QUEUE_UNAVAILABLE = (
        "queueUnavailable",
        HTTPStatus.SERVICE_UNAVAILABLE,
        "The queue is unavailable",
        "Try again later.",
        5,
    )
    RETRY_UNAVAILABLE = (
        "retryUnavailable",
        HTTPStatus.SERVICE_UNAVAILABLE,
        "The retry function is unavailable",
        "Try again later. Nothing is written twice.",
        5,
    )
    IDENTITY_PROVIDER_UNAVAILABLE = (
        "identityProviderUnavailable",
        HTTPStatus.SERVICE_UNAVAILABLE,
        "The identity provider is unavailable",
        "Try again later. Only pages return this error.",
        5,
    )
    SECRET_UNAVAILABLE = (
        "secretUnavailable",
        HTTPStatus.SERVICE_UNAVAILABLE,
        "A secret has not been configured yet",
        "An operator has to set it.",
        300,
    )
    CODAT_CALLS_PAUSED = (
        "codatCallsPaused",
        HTTPStatus.SERVICE_UNAVAILABLE,
        "Calls to Codat are paused",
        "Codat's quota is used up, or Codat rejects the API key; see `detail`. Wait as long as `Retry-After` says.",
    )
    TOO_MANY_CODAT_REQUESTS = (
        "tooManyCodatRequests",
        HTTPStatus.SERVICE_UNAVAILABLE,
        "Too many concurrent requests to Codat",
        "Try again after a second.",
        1,
    )
    INVALID_CODAT_RESPONSE = (
        "invalidCodatResponse",
        HTTPStatus.BAD_GATEWAY,
        "Codat returned an invalid response",
        "Stored data is not affected. If it persists, report it to Codat.",
    )
    CODAT_UNAVAILABLE = (
        "codatUnavailable",
        HTTPStatus.GATEWAY_TIMEOUT,
        "Codat is unavailable",
        "Try again later. Stored data is not affected.",
    )

    def __init__(
        self,
        code: str,
        status: HTTPStatus,
        title: str,
        advice: str,
        retry_after: int | None = None,
    ) -> None:
        self.code = code
        self.status = status
        self.title = title
        self.advice = advice
        self.retry_after = retry_after

    @property
    def uri(self) -> str:
        """The type's URI reference: the member ``type`` of a problem."""
        return f"{_TYPES}#{self.code}"


@dataclass(frozen=True, slots=True)
class ProblemDetails:
    """An error response. ``errors`` are invalid parameters, each with an explanation.

    ``seconds`` replaces the default of Retry-After of the type. ``allowed`` are the methods that the path supports.
    """

    type: ProblemType
    detail: str | None = None
    errors: tuple[tuple[str, str], ...] = ()
    seconds: int | None = None
    allowed: tuple[str, ...] = ()

    @property
    def status(self) -> HTTPStatus:
        """The HTTP status."""
        return self.type.status

    @property
    def title(self) -> str:
        """The title of the type."""
        return self.type.title

    @property
    def retry_after(self) -> int | None:
        """The number of seconds after which to retry; None if a retry would not help."""
        return self.type.retry_after if self.seconds is None else self.seconds

    @property
    def headers(self) -> dict[str, str]:
        """The headers Retry-After and Allow, if they apply."""
        headers = {} if self.retry_after is None else {"retry-after": str(self.retry_after)}
        return headers | ({"allow": ", ".join(self.allowed)} if self.allowed else {})

    def to_json(self) -> str:
        """Return the body of the response."""
        kind = self.type
        body: dict[str, Any] = {"type": kind.uri, "code": kind.code, "title": kind.title, "status": int(kind.status)}
        errors = [{"parameter": name, "detail": why} for name, why in self.errors]
        return json.dumps(body | {"detail": self.detail, "errors": errors})


def invalid_request(errors: Sequence[tuple[str, str]]) -> ProblemDetails:
    """Return the problem of a request with invalid parameters, each with an explanation."""
    detail = "; ".join(f"{parameter} {why}" for parameter, why in errors)
    return ProblemDetails(ProblemType.INVALID_REQUEST, detail, tuple(errors))
