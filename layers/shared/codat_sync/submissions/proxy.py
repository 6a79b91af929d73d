"""Answer the submit API: record and send requests that write expenses, and forward all others to Codat."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.metrics import MetricUnit

from codat_sync.aws.observability import logger, metrics
from codat_sync.codat.response import CodatResponse
from codat_sync.core.errors import (
    AlreadyWrittenError,
    CodatError,
    CompanyErasedError,
    InvalidBodyError,
    SecretUnavailableError,
    SubmissionInFlightError,
)
from codat_sync.core.http_event import get_headers, raw_body, text_body
from codat_sync.rate_limits.errors import RateLimitExceededError
from codat_sync.submissions.codat_writer import ForwardedRequest
from codat_sync.submissions.error_responses import ErrorResponse, error_response_for
from codat_sync.submissions.proxy_responses import build_error_response, build_proxy_response
from codat_sync.submissions.proxy_routes import (
    WriteRoute,
    company_id_from_path,
    is_authorized,
    match_route,
    parse_bodies,
    parse_idempotency_key,
    strip_base_path,
)
from codat_sync.submissions.request_headers import require_recordable_body, select_forwarded_headers
from codat_sync.submissions.service import WriteRequest

if TYPE_CHECKING:
    from codat_sync.submissions.codat_writer import CodatWriter
    from codat_sync.submissions.service import SubmissionService

_BYTE_ORDER_MARK = "\ufeff"
# Errors that are reported to the caller.
_REPORTED_ERRORS = (
    AlreadyWrittenError,
    CodatError,
    CompanyErasedError,
    SubmissionInFlightError,
    InvalidBodyError,
    SecretUnavailableError,
    RateLimitExceededError,
)

# A request of API Gateway (payload 2.0) and the response to it: JSON, whose shape AWS defines.
Event = Mapping[str, Any]
Json = dict[str, Any]


@dataclass(frozen=True)
class SubmitProxy:
    """Answer requests as Codat does. ``require_not_erased`` raises CompanyErasedError for a company's id."""

    submission_service: "SubmissionService"
    writer: "CodatWriter"
    api_key: Callable[[], str]
    require_not_erased: Callable[[str], None]
    now: Callable[[], datetime]

    def answer(self, event: Event) -> Json:
        """Return Codat's response, or an error that says why Codat was not called. Raises what DynamoDB raises."""
        metrics.add_metric("SubmitRequests", MetricUnit.Count, 1)
        correlation_id = event["requestContext"]["requestId"]
        method = event["requestContext"]["http"]["method"]
        headers = get_headers(event)
        try:
            if not is_authorized(headers, self.api_key()):
                return _reject(ErrorResponse(HTTPStatus.UNAUTHORIZED, "Unauthorized", "False"), correlation_id)
            route = match_route(method, event["rawPath"])
            answer = self._write(event, headers, route) if route else self._forward(event, headers)
            response = build_proxy_response(answer)
        except _REPORTED_ERRORS as error:
            return _reject(error_response_for(error, self.now()), correlation_id)
        logger.info("request completed", status=answer.status_code, method=method, kind=route and route.kind)
        return response

    def _write(self, event: Event, headers: Mapping[str, str], route: WriteRoute) -> CodatResponse:
        """Record the bodies and send them, once: see ``SubmissionService``."""
        write = parse_write_request(event, headers, route)
        if route.is_storage_only:
            self.submission_service.store_body(write)
            return CodatResponse(HTTPStatus.NO_CONTENT, "", {}, b"", self.now())
        return self.submission_service.submit(write)

    def _forward(self, event: Event, headers: Mapping[str, str]) -> CodatResponse:
        """Forward a request that is not recorded: once, whatever Codat answers. The caller decides about retries."""
        company_id = company_id_from_path(event["rawPath"])
        if company_id:
            # The rate limiter stores the company's id in the table at each call.
            self.require_not_erased(company_id)
        return self.writer.forward(
            ForwardedRequest(
                method=event["requestContext"]["http"]["method"],
                path=strip_base_path(event["rawPath"]),
                query=event["rawQueryString"],
                content=raw_body(event),
                headers=select_forwarded_headers(headers),
                company_id=company_id,
            )
        )


def parse_write_request(event: Event, headers: Mapping[str, str], route: WriteRoute) -> WriteRequest:
    """Return what a request to ``route`` writes. Raises InvalidBodyError with everything that is invalid."""
    require_recordable_body(headers)
    text = text_body(event).removeprefix(_BYTE_ORDER_MARK)  # .NET ignores it, JSON has none.
    return WriteRequest(
        company_id=route.company_id,
        kind=route.kind,
        method=route.codat_method,
        text=text,
        bodies=parse_bodies(route, text),
        # A PUT takes no key: Codat ignores it. Nor is one needed for what is only stored.
        idempotency_key=None
        if route.is_storage_only or route.codat_method == "PUT"
        else parse_idempotency_key(headers),
        correlation_id=event["requestContext"]["requestId"],
    )


def _reject(error: ErrorResponse, correlation_id: str) -> Json:
    """Return and log an error; the log never quotes the request."""
    metrics.add_metric("SubmitRejected", MetricUnit.Count, 1)
    logger.warning("request rejected", status=int(error.status), reason=error.message)
    return build_error_response(error, correlation_id)
