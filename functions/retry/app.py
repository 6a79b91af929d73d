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
from codat_sync.aws.invocation_deadline import enforce_deadline, limit_invocation
from codat_sync.aws.observability import count, logger, metrics
from codat_sync.aws.secrets import CachedSecret
from codat_sync.codat.client import CodatClient, parse_api_key
from codat_sync.codat.http import MAX_CALL_SECONDS, CodatHttpClient
from codat_sync.companies.repository import CompanyRepository
from codat_sync.companies.tombstones import is_not_erased
from codat_sync.config import RetrySettings
from codat_sync.core.errors import CompanyErasedError, ForbiddenError, InvalidBodyError, PoisonMessageError
from codat_sync.core.timestamps import format_timestamp
from codat_sync.messaging.queues import DeadLetterQueue
from codat_sync.polling.schedule import Schedule
from codat_sync.rate_limits.gate import SharedGate
from codat_sync.rate_limits.shared_limiter import SharedLimiter
from codat_sync.retries.planner import RetryPolicy
from codat_sync.retries.requests import RetryCommand, parse_direct_invocation, parse_http_request, parse_retry_message
from codat_sync.retries.service import RetryResult, RetryService, summarize
from codat_sync.retries.transaction_history import TransactionHistories
from codat_sync.submissions.codat_writer import CodatWriter
from codat_sync.submissions.outcome_lookup import OutcomeLookup
from codat_sync.submissions.repository import SubmissionRepository
from codat_sync.submissions.service import SubmissionService
from codat_sync.syncs.repository import SyncRepository
from codat_sync.syncs.retry_record import Retry
from codat_sync.syncs.retry_repository import RetryRepository

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


settings = RetrySettings.from_environment(os.environ)
http = httpx.Client(base_url=settings.codat_base_url)
table = Table(enforce_deadline(boto3.client("dynamodb", config=_CONFIG)), settings.sync_table_name)
gate = SharedGate(table, _now)
connection = CodatHttpClient(
    http,
    CachedSecret(boto3.client("secretsmanager", config=_CONFIG), settings.codat_secret_arn, parse_api_key).value,
    SharedLimiter(table, _now),
    gate,
    _now,
)
store = SyncRepository(table, event_retention=settings.event_retention)
submissions = SubmissionRepository(table)
companies = CompanyRepository(table, event_retention=settings.event_retention)
retries = RetryRepository(table)
histories = TransactionHistories(store, submissions, companies)
retry_service = RetryService(
    SubmissionService(
        CodatWriter(connection),
        submissions,
        store,
        retries,
        OutcomeLookup(CodatClient(connection)),
        Schedule(settings.poll_initial_delay),
        _now,
    ),
    submissions,
    histories,
    RetryPolicy(settings.max_attempts, settings.initial_delay, settings.max_delay),
    _now,
)
dead_letters = DeadLetterQueue(boto3.client("sqs", config=_CONFIG), settings.retry_dead_letter_queue_url)
processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: Json, context: "LambdaContext") -> Any:  # noqa: ANN401 - three kinds of callers
    """Answer per transaction what was done, or why not; to SQS, which messages have to come again."""
    metrics.add_metric("RetryInvocations", MetricUnit.Count, 1)
    remaining = context.get_remaining_time_in_millis() / 1000
    connection.deadline = time.monotonic() + remaining - MAX_CALL_SECONDS
    try:
        with limit_invocation(remaining):
            if "Records" in event:
                return process_partial_response(event, _handle_record, processor, context)
            if "requestContext" in event:
                return _handle_request(event)
            return _retry(parse_direct_invocation(event))
    finally:
        for status, number in connection.take_status_counts().items():
            count("CodatCalls", "status", status, number)


def _handle_record(record: SQSRecord) -> None:
    """Retry what a message is about; raising makes it come again, and the others are not held up."""
    try:
        command = parse_retry_message(record.body)
    except PoisonMessageError as poison:
        dead_letters.send(record.body, record.attributes.get("MessageGroupId"), poison)
        logger.error("dead-lettered", message_id=record.message_id, reason=poison.reason, detail=poison.detail)
        return
    try:
        _retry(command)
    except Exception:
        # Lambda counts no error, as the batch is answered: so this is where it is told.
        logger.exception("failed", message_id=record.message_id, sync_id=command.sync_id)
        metrics.add_metric("MessageFailed", MetricUnit.Count, 1)
        raise


def _handle_request(event: Json) -> Json:
    """Answer the HTTP route, behind the authorizer: whoever has the role may ask."""
    try:
        caller = settings.access.caller(event)
        caller.require_role(Role.RETRY)
        logger.append_keys(requested_by=caller.subject)
        answer = _retry(parse_http_request(event))
    except ForbiddenError as error:
        return _response(HTTPStatus.FORBIDDEN, {"title": "You may not do this", "detail": str(error)})
    except InvalidBodyError as error:
        return _response(HTTPStatus.BAD_REQUEST, {"title": "The request is not valid", "detail": str(error)})
    if answer is None:
        return _response(HTTPStatus.NOT_FOUND, {"title": "There is no such sync"})
    return _response(HTTPStatus.OK, answer)


def _retry(command: RetryCommand) -> Json | None:
    """Retry, write down how it stands, and tell; None if there is no such sync."""
    root_id = _root_sync_id(command.sync_id)
    document = store.load_snapshot("", root_id, []).values
    # Of a company that is being forgotten nothing may be written: it is only not deleted yet.
    if not document or not is_not_erased(table, document["companyId"]):
        return None
    # Before anything that the plan is made from.
    known = retries.ensure_due(document["companyId"], root_id, _now() + _LONGER_THAN_A_RUN)
    try:
        done = retry_service.retry(
            root_id, _selected_ids(command, root_id), command.correlation_id, is_manual=command.is_manual
        )
    except CompanyErasedError:
        return None
    if done is None:
        return None
    retry = summarize(known, done, _now())
    retries.put(document["companyId"], root_id, retry, known)
    if root_id != command.sync_id and retries.load(command.sync_id):
        retries.clear_due(command.sync_id)
    for each in done:
        count("Retries", "step", each.plan.step)
    logger.info(
        "retry planned",
        sync_id=root_id,
        company_id=document["companyId"],
        state=retry.state,
        steps=dict(retry.steps),
        retry_sync_ids=sorted({each.sync_id for each in done if each.sync_id}),
        correlation_id=command.correlation_id,
    )
    return _to_json(root_id, done, retry)


def _root_sync_id(sync_id: str) -> str:
    """Return the sync that ``sync_id`` is a retry of, or itself: what failed again is the first one's business."""
    root = store.load_snapshot("", sync_id, []).values.get("retryOf")
    return str(root) if root else sync_id


def _selected_ids(command: RetryCommand, root_id: str) -> Collection[str] | None:
    """Return which transactions are to be created again: of a sync that is itself a retry, its own and no others."""
    if command.transaction_ids is not None or command.sync_id == root_id:
        return command.transaction_ids
    failed = histories.load_failed(command.sync_id)
    return failed.transaction_ids if failed else ()


def _to_json(sync_id: str, done: Sequence[RetryResult], retry: Retry) -> Json:
    return {
        "syncId": sync_id,
        "state": retry.state.value,
        "retrySyncIds": list(retry.sync_ids),
        "dueAt": retry.due_at and format_timestamp(retry.due_at),
        "transactions": [
            {
                "transactionId": each.transaction_id,
                "step": each.plan.step.value,
                "supportNote": each.plan.support_note,
                "customerNote": each.plan.customer_note,
                "until": each.plan.until and format_timestamp(each.plan.until),
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
