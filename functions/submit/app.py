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
from codat_sync.aws.invocation_deadline import heeding_the_end, run_for
from codat_sync.aws.observability import count, logger, metrics
from codat_sync.aws.secrets import CachedSecret
from codat_sync.codat.client import Codat, parse_api_key
from codat_sync.codat.http import CodatConnection
from codat_sync.codat.response import Answer
from codat_sync.companies.tombstones import require_known
from codat_sync.config import SubmitSettings
from codat_sync.core.errors import (
    CodatError,
    ForgottenError,
    InFlightError,
    InvalidBodyError,
    Invalidity,
    SecretUnavailableError,
)
from codat_sync.polling.schedule import Schedule
from codat_sync.rate_limits.errors import TooBusyError
from codat_sync.rate_limits.gate import SharedGate
from codat_sync.rate_limits.shared_limiter import SharedPace
from codat_sync.submissions.codat_writer import Forwarded, Writer
from codat_sync.submissions.error_responses import Refusal, refusal_of
from codat_sync.submissions.outcome_lookup import Tracing
from codat_sync.submissions.proxy_routes import Route, company_of_path, is_authorized, read_bodies, read_key, route
from codat_sync.submissions.repository import SubmissionStore
from codat_sync.submissions.service import Submitting, Write
from codat_sync.syncs.repository import Store
from codat_sync.syncs.retry_repository import RetryStore

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_CONFIG = Config(
    connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 3}, max_pool_connections=32
)
_SECONDS = 10  # in which a call to Codat has to begin: with its 15, less than the 29 of the function
_PASSED_ON = ("content-type", "accept", "idempotency-key")
_HANDED_BACK = ("content-type", "retry-after", "x-rate-limit-limit", "x-rate-limit-remaining", "x-rate-limit-reset")
# What may be wrong, and is told to the caller.
_TOLD = (
    CodatError,
    ForgottenError,
    InFlightError,
    InvalidBodyError,
    SecretUnavailableError,
    TooBusyError,
)

# An event of API Gateway's (payload 2.0) and the answer to it: JSON, whose shape AWS defines.
Json = dict[str, Any]


def _now() -> datetime:
    return datetime.now(UTC)


settings = SubmitSettings.read(os.environ)
http = httpx.Client(base_url=settings.codat_base_url)
table = Table(heeding_the_end(boto3.client("dynamodb", config=_CONFIG)), settings.sync_table_name)
api_key = CachedSecret(boto3.client("secretsmanager", config=_CONFIG), settings.codat_secret_arn, parse_api_key)
# People wait for what a product submits: it may use what is kept for them.
gate = SharedGate(table, _now, is_for_people=True)
connection = CodatConnection(http, api_key.value, SharedPace(table, _now), gate, _now)
writer = Writer(connection)
submitting = Submitting(
    writer,
    SubmissionStore(table),
    Store(table, event_retention=settings.event_retention),
    RetryStore(table),
    Tracing(Codat(connection)),
    Schedule(settings.first_look),
    _now,
)


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: Json, context: "LambdaContext") -> Json:
    """Answer as Codat does: what it answered, or why it was not asked."""
    correlation_id = event["requestContext"]["requestId"]
    logger.set_correlation_id(correlation_id)
    metrics.add_metric("SubmitAsked", MetricUnit.Count, 1)
    method, path = event["requestContext"]["http"]["method"], event["rawPath"]
    connection.deadline = time.monotonic() + _SECONDS
    headers = {name.lower(): value for name, value in event["headers"].items()}  # `sam local` has them in any case
    try:
        if not is_authorized(headers, api_key.value()):
            return _refuse(Refusal(HTTPStatus.UNAUTHORIZED, "Unauthorized", "False"), correlation_id)
        found = route(method, path)
        with run_for(context.get_remaining_time_in_millis() / 1000):
            answer = _write(event, headers, found, correlation_id) if found else _forward(event, headers)
    except _TOLD as error:
        return _refuse(refusal_of(error, _now()), correlation_id)
    finally:
        for status, number in connection.take_results().items():
            count("CodatCalls", "status", status, number)
    logger.info("answered", status=answer.status_code, method=method, kind=found and found.kind)
    return _handed_back(answer)


def _write(event: Json, headers: Mapping[str, str], found: Route, correlation_id: str) -> Answer:
    """Record what is written, and send it: once, as ``Submitting`` sees to."""
    try:
        text = _content(event).decode()
    except UnicodeDecodeError:
        raise InvalidBodyError([Invalidity("", "is no UTF-8")]) from None
    write = Write(
        company_id=found.company_id,
        kind=found.kind,
        method=found.codat_method,
        text=text,
        bodies=read_bodies(found, text),
        idempotency_key=read_key(headers),
        correlation_id=correlation_id,
    )
    if found.is_kept_only:
        submitting.keep(write)
        return Answer(HTTPStatus.NO_CONTENT, "", {}, b"", _now())
    return submitting.submit(write)


def _forward(event: Json, headers: Mapping[str, str]) -> Answer:
    """Pass on what is not recorded. If it writes, that is the caller's: it is sent once, whatever Codat answers."""
    company_id = company_of_path(event["rawPath"])
    if company_id:
        # A call leaves its company's id in the table, with whose turn it is.
        require_known(table, company_id)
    return writer.forward(
        Forwarded(
            method=event["requestContext"]["http"]["method"],
            path=event["rawPath"],
            query=event["rawQueryString"],
            content=_content(event),
            headers={name: headers[name] for name in _PASSED_ON if name in headers},
            company_id=company_id,
        )
    )


def _content(event: Json) -> bytes:
    body: str = event.get("body") or ""
    return base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()


def _handed_back(answer: Answer) -> Json:
    """Return Codat's answer as it came: as text where it is one, as API Gateway would spoil anything else."""
    headers = {name: answer.headers[name] for name in _HANDED_BACK if name in answer.headers}
    response: Json = {"statusCode": int(answer.status_code), "headers": headers}
    try:
        return response | {"body": answer.content.decode()}
    except UnicodeDecodeError:
        return response | {"body": base64.b64encode(answer.content).decode(), "isBase64Encoded": True}


def _refuse(refusal: Refusal, correlation_id: str) -> Json:
    """Say no. The log has our own words only."""
    metrics.add_metric("SubmitRefused", MetricUnit.Count, 1)
    logger.warning("refused", status=int(refusal.status), reason=refusal.message)
    headers = {"content-type": "application/json"}
    if refusal.retry_after is not None:
        headers["retry-after"] = str(refusal.retry_after)
    return {
        "statusCode": int(refusal.status),
        "headers": headers,
        "body": json.dumps(refusal.body(correlation_id)),
    }
