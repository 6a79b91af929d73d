"""Retry: what failed is created again when that is right; asked by the clock, by a person, or directly."""

import json
import os
import time
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import boto3
import httpx
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from botocore.config import Config

from codat_sync.auth.roles import Role
from codat_sync.aws.dynamodb import Table
from codat_sync.aws.invocation_deadline import heeding_the_end, run_for
from codat_sync.aws.observability import count, logger, metrics
from codat_sync.aws.secrets import CachedSecret
from codat_sync.codat.client import Codat, parse_api_key
from codat_sync.codat.http import SECONDS_OF_A_CALL, CodatConnection
from codat_sync.companies.repository import CompanyStore
from codat_sync.companies.tombstones import is_known
from codat_sync.config import RetrySettings
from codat_sync.core.errors import ForbiddenError, ForgottenError, InvalidBodyError, PoisonError
from codat_sync.core.timestamps import format_instant
from codat_sync.messaging.queues import DeadLetterQueue
from codat_sync.polling.schedule import Schedule
from codat_sync.rate_limits.gate import SharedGate
from codat_sync.rate_limits.shared_limiter import SharedPace
from codat_sync.retries.planner import Policy
from codat_sync.retries.requests import Asked, read_direct, read_http, read_retry_message
from codat_sync.retries.service import Done, Retrying, summed_up
from codat_sync.retries.transaction_history import Standings
from codat_sync.submissions.codat_writer import Writer
from codat_sync.submissions.outcome_lookup import Tracing
from codat_sync.submissions.repository import SubmissionStore
from codat_sync.submissions.service import Submitting
from codat_sync.syncs.repository import Store
from codat_sync.syncs.retry_record import Retry
from codat_sync.syncs.retry_repository import RetryStore

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_CONFIG = Config(
    connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3}, max_pool_connections=32
)

_LONGER_THAN_A_RUN = timedelta(minutes=15)

# What AWS hands over and takes back: JSON, whose shape it defines.
Json = dict[str, Any]


def _now() -> datetime:
    return datetime.now(UTC)


settings = RetrySettings.read(os.environ)
http = httpx.Client(base_url=settings.codat_base_url)
table = Table(heeding_the_end(boto3.client("dynamodb", config=_CONFIG)), settings.sync_table_name)
gate = SharedGate(table, _now)
connection = CodatConnection(
    http,
    CachedSecret(boto3.client("secretsmanager", config=_CONFIG), settings.codat_secret_arn, parse_api_key).value,
    SharedPace(table, _now),
    gate,
    _now,
)
store = Store(table, event_retention=settings.event_retention)
submissions = SubmissionStore(table)
companies = CompanyStore(table, event_retention=settings.event_retention)
retries = RetryStore(table)
standings = Standings(store, submissions, companies)
retrying = Retrying(
    Submitting(
        Writer(connection),
        submissions,
        store,
        retries,
        Tracing(Codat(connection)),
        Schedule(settings.first_look),
        _now,
    ),
    submissions,
    standings,
    Policy(settings.most_attempts, settings.first_delay, settings.longest_delay),
    _now,
)
dead_letters = DeadLetterQueue(boto3.client("sqs", config=_CONFIG), settings.retry_dead_letter_queue_url)
processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: Json, context: "LambdaContext") -> Any:  # noqa: ANN401 - three kinds of callers
    """Answer per transaction what was done, or why not; to SQS, which messages have to come again."""
    metrics.add_metric("RetryInvoked", MetricUnit.Count, 1)
    remaining = context.get_remaining_time_in_millis() / 1000
    connection.deadline = time.monotonic() + remaining - SECONDS_OF_A_CALL
    try:
        with run_for(remaining):
            if "Records" in event:
                return process_partial_response(event, _take, processor, context)
            if "requestContext" in event:
                return _answer(event)
            return _told(read_direct(event))
    finally:
        for status, number in connection.take_results().items():
            count("CodatCalls", "status", status, number)


def _take(record: SQSRecord) -> None:
    """Retry what a message is about; raising makes it come again, and the others are not held up."""
    try:
        asked = read_retry_message(record.body)
    except PoisonError as poison:
        dead_letters.set_aside(record.body, record.attributes.get("MessageGroupId"), poison)
        logger.error("set aside", message_id=record.message_id, reason=poison.reason, detail=poison.detail)
        return
    try:
        _told(asked)
    except Exception:
        # Lambda counts no error, as the batch is answered: so this is where it is told.
        logger.exception("failed", message_id=record.message_id, sync_id=asked.sync_id)
        metrics.add_metric("MessageFailed", MetricUnit.Count, 1)
        raise


def _answer(event: Json) -> Json:
    """Answer the HTTP route, behind the authorizer: whoever has the role may ask."""
    try:
        caller = settings.access.caller(event)
        caller.require(Role.RETRY)
        logger.append_keys(asked_by=caller.subject)
        told = _told(read_http(event))
    except ForbiddenError as error:
        return _response(HTTPStatus.FORBIDDEN, {"title": "You may not do this", "detail": str(error)})
    except InvalidBodyError as error:
        return _response(HTTPStatus.BAD_REQUEST, {"title": "The request is not valid", "detail": str(error)})
    if told is None:
        return _response(HTTPStatus.NOT_FOUND, {"title": "There is no such sync"})
    return _response(HTTPStatus.OK, told)


def _told(asked: Asked) -> Json | None:
    """Retry, write down how it stands, and tell; None if there is no such sync."""
    root_id = _root(asked.sync_id)
    document = store.load_head("", root_id, []).values
    # Of a company that is being forgotten nothing may be written: it is only not deleted yet.
    if not document or not is_known(table, document["companyId"]):
        return None
    # Before anything that the plan is made from.
    known = retries.watch(document["companyId"], root_id, _now() + _LONGER_THAN_A_RUN)
    try:
        done = retrying.retry(root_id, _wanted(asked, root_id), asked.correlation_id, is_for_person=asked.is_for_person)
    except ForgottenError:
        return None
    if done is None:
        return None
    retry = summed_up(known, done, _now())
    retries.put(document["companyId"], root_id, retry, known)
    if root_id != asked.sync_id and retries.load(asked.sync_id):
        retries.rest(asked.sync_id)
    for each in done:
        count("Retries", "step", each.plan.step)
    logger.info(
        "planned",
        sync_id=root_id,
        company_id=document["companyId"],
        state=retry.state,
        steps=dict(retry.steps),
        retry_sync_ids=sorted({each.sync_id for each in done if each.sync_id}),
        correlation_id=asked.correlation_id,
    )
    return _json(root_id, done, retry)


def _root(sync_id: str) -> str:
    """Return the sync that ``sync_id`` is a retry of, or itself: what failed again is the first one's business."""
    root = store.load_head("", sync_id, []).values.get("retryOf")
    return str(root) if root else sync_id


def _wanted(asked: Asked, root_id: str) -> Collection[str] | None:
    """Return which transactions are to be created again: of a sync that is itself a retry, its own and no others."""
    if asked.transaction_ids is not None or asked.sync_id == root_id:
        return asked.transaction_ids
    failed = standings.failed(asked.sync_id)
    return failed.transaction_ids if failed else ()


def _json(sync_id: str, done: Sequence[Done], retry: Retry) -> Json:
    return {
        "syncId": sync_id,
        "state": retry.state.value,
        "retrySyncIds": list(retry.sync_ids),
        "dueAt": retry.due_at and format_instant(retry.due_at),
        "transactions": [
            {
                "transactionId": each.transaction_id,
                "step": each.plan.step.value,
                "support": each.plan.support,
                "customer": each.plan.customer,
                "until": each.plan.until and format_instant(each.plan.until),
                "retrySyncId": each.sync_id,
            }
            for each in done
        ],
    }


def _response(status: HTTPStatus, body: Json) -> Json:
    kind = "application/json" if status is HTTPStatus.OK else "application/problem+json"
    if status is not HTTPStatus.OK:
        body = {"type": "about:blank", "status": int(status)} | body
    return {"statusCode": int(status), "headers": {"content-type": kind}, "body": json.dumps(body)}
