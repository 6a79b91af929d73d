"""Submit: Codat's own API for what writes, recorded on the way; everything else is passed on."""

import base64
import json
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import boto3
import httpx
from aws_lambda_powertools.metrics import MetricUnit
from botocore.config import Config

from codat_sync.aws.dynamodb import Table
from codat_sync.aws.invocation_deadline import enforce_deadline, limit_invocation
from codat_sync.aws.observability import count, logger, metrics
from codat_sync.aws.secrets import CachedSecret
from codat_sync.codat.client import CodatClient, parse_api_key
from codat_sync.codat.http import CodatHttpClient
from codat_sync.codat.response import CodatResponse
from codat_sync.companies.tombstones import require_not_erased
from codat_sync.config import SubmitSettings
from codat_sync.core.errors import (
    CodatError,
    CompanyErasedError,
    InvalidBodyError,
    SecretUnavailableError,
    SubmissionInFlightError,
    ValidationIssue,
)
from codat_sync.polling.schedule import Schedule
from codat_sync.rate_limits.errors import RateLimitExceededError
from codat_sync.rate_limits.gate import SharedGate
from codat_sync.rate_limits.shared_limiter import SharedLimiter
from codat_sync.submissions.codat_writer import CodatWriter, ForwardedRequest
from codat_sync.submissions.error_responses import ErrorResponse, error_response_for
from codat_sync.submissions.outcome_lookup import OutcomeLookup
from codat_sync.submissions.proxy_routes import (
    WriteRoute,
    company_id_from_path,
    is_authorized,
    match_route,
    parse_bodies,
    parse_idempotency_key,
)
from codat_sync.submissions.repository import SubmissionRepository
from codat_sync.submissions.service import SubmissionService, WriteRequest
from codat_sync.syncs.repository import SyncRepository
from codat_sync.syncs.retry_repository import RetryRepository

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_CONFIG = Config(
    connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 3}, max_pool_connections=32
)
_SECONDS = 10  # in which a call to Codat has to begin: with its 15, less than the 29 of the function
_FORWARDED_HEADERS = ("content-type", "accept", "idempotency-key")
_RETURNED_HEADERS = (
    "content-type",
    "retry-after",
    "x-rate-limit-limit",
    "x-rate-limit-remaining",
    "x-rate-limit-reset",
)
# What may be wrong, and is told to the caller.
_REPORTED_ERRORS = (
    CodatError,
    CompanyErasedError,
    SubmissionInFlightError,
    InvalidBodyError,
    SecretUnavailableError,
    RateLimitExceededError,
)

# An event of API Gateway's (payload 2.0) and the answer to it: JSON, whose shape AWS defines.
Json = dict[str, Any]


def _now() -> datetime:
    return datetime.now(UTC)


settings = SubmitSettings.from_environment(os.environ)
http = httpx.Client(base_url=settings.codat_base_url)
table = Table(enforce_deadline(boto3.client("dynamodb", config=_CONFIG)), settings.sync_table_name)
api_key = CachedSecret(boto3.client("secretsmanager", config=_CONFIG), settings.codat_secret_arn, parse_api_key)
# People wait for what a product submits: it may use what is kept for them.
gate = SharedGate(table, _now, is_interactive=True)
connection = CodatHttpClient(http, api_key.value, SharedLimiter(table, _now), gate, _now)
writer = CodatWriter(connection)
submission_service = SubmissionService(
    writer,
    SubmissionRepository(table),
    SyncRepository(table, event_retention=settings.event_retention),
    RetryRepository(table),
    OutcomeLookup(CodatClient(connection)),
    Schedule(settings.poll_initial_delay),
    _now,
)


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: Json, context: "LambdaContext") -> Json:
    """Answer as Codat does: what it answered, or why it was not asked."""
    correlation_id = event["requestContext"]["requestId"]
    logger.set_correlation_id(correlation_id)
    metrics.add_metric("SubmitRequests", MetricUnit.Count, 1)
    method, path = event["requestContext"]["http"]["method"], event["rawPath"]
    connection.deadline = time.monotonic() + _SECONDS
    headers = {name.lower(): value for name, value in event["headers"].items()}  # `sam local` has them in any case
    try:
        if not is_authorized(headers, api_key.value()):
            return _error_response(ErrorResponse(HTTPStatus.UNAUTHORIZED, "Unauthorized", "False"), correlation_id)
        found = match_route(method, path)
        with limit_invocation(context.get_remaining_time_in_millis() / 1000):
            answer = _write(event, headers, found, correlation_id) if found else _forward(event, headers)
    except _REPORTED_ERRORS as error:
        return _error_response(error_response_for(error, _now()), correlation_id)
    finally:
        for status, number in connection.take_status_counts().items():
            count("CodatCalls", "status", status, number)
    logger.info("request completed", status=answer.status_code, method=method, kind=found and found.kind)
    return _proxy_response(answer)


def _write(event: Json, headers: Mapping[str, str], found: WriteRoute, correlation_id: str) -> CodatResponse:
    """Record what is written, and send it: once, as ``Submitting`` sees to."""
    try:
        text = _decode_body(event).decode()
    except UnicodeDecodeError:
        raise InvalidBodyError([ValidationIssue("", "is no UTF-8")]) from None
    write = WriteRequest(
        company_id=found.company_id,
        kind=found.kind,
        method=found.codat_method,
        text=text,
        bodies=parse_bodies(found, text),
        idempotency_key=parse_idempotency_key(headers),
        correlation_id=correlation_id,
    )
    if found.is_storage_only:
        submission_service.store_body(write)
        return CodatResponse(HTTPStatus.NO_CONTENT, "", {}, b"", _now())
    return submission_service.submit(write)


def _forward(event: Json, headers: Mapping[str, str]) -> CodatResponse:
    """Pass on what is not recorded. If it writes, that is the caller's: it is sent once, whatever Codat answers."""
    company_id = company_id_from_path(event["rawPath"])
    if company_id:
        # A call leaves its company's id in the table, with whose turn it is.
        require_not_erased(table, company_id)
    return writer.forward(
        ForwardedRequest(
            method=event["requestContext"]["http"]["method"],
            path=event["rawPath"],
            query=event["rawQueryString"],
            content=_decode_body(event),
            headers={name: headers[name] for name in _FORWARDED_HEADERS if name in headers},
            company_id=company_id,
        )
    )


def _decode_body(event: Json) -> bytes:
    body: str = event.get("body") or ""
    return base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()


def _proxy_response(answer: CodatResponse) -> Json:
    """Return Codat's answer as it came: as text where it is one, as API Gateway would spoil anything else."""
    headers = {name: answer.headers[name] for name in _RETURNED_HEADERS if name in answer.headers}
    response: Json = {"statusCode": int(answer.status_code), "headers": headers}
    try:
        return response | {"body": answer.content.decode()}
    except UnicodeDecodeError:
        return response | {"body": base64.b64encode(answer.content).decode(), "isBase64Encoded": True}


def _error_response(refusal: ErrorResponse, correlation_id: str) -> Json:
    """Say no. The log has our own words only."""
    metrics.add_metric("SubmitRejected", MetricUnit.Count, 1)
    logger.warning("request rejected", status=int(refusal.status), reason=refusal.message)
    headers = {"content-type": "application/json"}
    if refusal.retry_after is not None:
        headers["retry-after"] = str(refusal.retry_after)
    return {
        "statusCode": int(refusal.status),
        "headers": headers,
        "body": json.dumps(refusal.body(correlation_id)),
    }
