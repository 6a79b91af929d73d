"""Why there is no answer, as RFC 9457 has it: in one place for all that can go wrong."""

import json
import math
from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response

from codat_sync.errors import (
    CodatError,
    CodatNotFoundError,
    CodatSyncError,
    CodatUnavailableError,
    ForbiddenError,
    GateClosedError,
    InvalidQueryError,
    QueueUnavailableError,
    SecretUnavailableError,
    TooBusyError,
    UnprocessedError,
)

CONTENT_TYPE = "application/problem+json"

# What waiting cures, and for how many seconds; what Codat is to blame for. The first that fits counts.
_LATER: tuple[tuple[type[CodatSyncError], str, int], ...] = (
    (TooBusyError, "Codat is asked by many at once", 1),
    (UnprocessedError, "The table does not keep up", 5),
    (QueueUnavailableError, "The queue does not answer", 5),
    (SecretUnavailableError, "Codat's API key is not in place yet", 300),
)
_CODAT: tuple[tuple[type[CodatSyncError], HTTPStatus, str], ...] = (
    (CodatNotFoundError, HTTPStatus.NOT_FOUND, "Codat does not know it"),
    (CodatUnavailableError, HTTPStatus.GATEWAY_TIMEOUT, "Codat does not answer, or fails"),
    (CodatError, HTTPStatus.BAD_GATEWAY, "Codat's answer can't be understood"),
)


def problem(
    status: HTTPStatus,
    title: str,
    detail: str | None = None,
    errors: Sequence[tuple[str, str]] = (),
    headers: dict[str, str] | None = None,
) -> Response[str]:
    """Return the answer that says so. ``errors`` are parameters, each with what is wrong with it."""
    body: dict[str, Any] = {"type": "about:blank", "title": title, "status": int(status), "detail": detail}
    body["errors"] = [{"parameter": parameter, "detail": why} for parameter, why in errors]
    return Response(int(status), CONTENT_TYPE, json.dumps(body), dict(headers or {}))


def not_found(what: str) -> Response[str]:
    """Return the answer that there is no such thing."""
    return problem(HTTPStatus.NOT_FOUND, f"There is no such {what}")


def invalid(errors: Sequence[tuple[str, str]]) -> Response[str]:
    """Return the answer that a question is not valid."""
    detail = "; ".join(f"{parameter} {why}" for parameter, why in errors)
    return problem(HTTPStatus.BAD_REQUEST, "The request is not valid", detail, errors)


def problem_of(error: CodatSyncError, now: datetime) -> Response[str]:
    """Return the answer that ``error`` comes to. Raises it if it is none to tell a caller."""
    match error:
        case InvalidQueryError():
            return invalid([(error.place, str(error).removeprefix(f"{error.place} "))])
        case ForbiddenError():
            return problem(HTTPStatus.FORBIDDEN, "You may not do this", str(error))
        case GateClosedError():
            seconds = max(1, math.ceil((error.closure.until - now).total_seconds()))
            return _later("Codat may not be asked just now", f"The reason: {error.closure.reason}", seconds)
    for kind, title, seconds in _LATER:
        if isinstance(error, kind):
            return _later(title, None, seconds)
    for kind, status, title in _CODAT:
        if isinstance(error, kind):
            return problem(status, title)
    raise error


def _later(title: str, detail: str | None, seconds: int) -> Response[str]:
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, title, detail, headers={"retry-after": str(seconds)})
