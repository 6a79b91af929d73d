"""Worker: messages of SyncQueue become syncs, transactions and companies in SyncTable."""

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
import httpx
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from botocore.config import Config

from codat_sync.aws.dynamodb import Table
from codat_sync.aws.invocation_deadline import enforce_deadline, limit_invocation
from codat_sync.aws.observability import logger, metrics
from codat_sync.aws.secrets import CachedSecret
from codat_sync.codat.client import CodatClient, parse_api_key
from codat_sync.codat.http import MAX_CALL_SECONDS, CodatHttpClient
from codat_sync.companies.repository import CompanyRepository
from codat_sync.config import WorkerSettings
from codat_sync.core.errors import CodatUnavailableError, PoisonMessageError
from codat_sync.ingestion import batch
from codat_sync.ingestion.company_refresh import CompanyRefresh
from codat_sync.ingestion.dispatcher import TaskDispatcher
from codat_sync.ingestion.results import TaskResult
from codat_sync.ingestion.sync_ingestion import SyncIngestion
from codat_sync.ingestion.tasks import Task
from codat_sync.ingestion.telemetry import BatchMetrics, get_log_fields, log_result, report_alert
from codat_sync.messaging.queues import DeadLetterQueue, MessageVisibility
from codat_sync.polling.schedule import Schedule, get_redelivery_delay
from codat_sync.rate_limits.gate import SharedGate
from codat_sync.rate_limits.process_limiter import ProcessLimiter
from codat_sync.syncs.repository import SyncRepository

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.typing import LambdaContext

_SUBJECTS_AT_ONCE = 10  # the largest batch
_SECONDS_TO_ANSWER = 5  # of the function's time, kept for saying what failed
_CONFIG = Config(
    connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 5}, max_pool_connections=32
)


def _now() -> datetime:
    return datetime.now(UTC)


settings = WorkerSettings.from_environment(os.environ)
http = httpx.Client(base_url=settings.codat_base_url)
sqs = boto3.client("sqs", config=_CONFIG)
table = Table(enforce_deadline(boto3.client("dynamodb", config=_CONFIG)), settings.sync_table_name)
gate = SharedGate(table, _now)
connection = CodatHttpClient(
    http,
    CachedSecret(boto3.client("secretsmanager", config=_CONFIG), settings.codat_secret_arn, parse_api_key).value,
    ProcessLimiter.for_processes(settings.maximum_concurrency),
    gate,
    _now,
)
codat = CodatClient(connection)
store = SyncRepository(table, event_retention=settings.event_retention)
companies = CompanyRepository(table, event_retention=settings.event_retention)
schedule = Schedule(settings.poll_initial_delay)
dispatcher = TaskDispatcher(
    SyncIngestion(codat, store, schedule, _now, report_alert),
    CompanyRefresh(codat, companies, schedule, _now),
    store,
    gate,
)
dead_letters = DeadLetterQueue(sqs, settings.sync_dead_letter_queue_url)
redelivery = MessageVisibility(sqs, settings.sync_queue_url)
pool = ThreadPoolExecutor(_SUBJECTS_AT_ONCE, thread_name_prefix="work")
processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: "LambdaContext") -> "PartialItemFailureResponse":
    """Work on a batch of SyncQueue, and answer which of its messages have to come again."""
    remaining = context.get_remaining_time_in_millis() / 1000
    ends_at = time.monotonic() + remaining
    connection.deadline = ends_at - MAX_CALL_SECONDS
    with limit_invocation(remaining):
        pending = batch.start(map(_received, event["Records"]), _do, pool)
    batch_metrics = BatchMetrics()
    deadline = ends_at - _SECONDS_TO_ANSWER
    answer = process_partial_response(event, partial(_finish, pending, batch_metrics, deadline), processor, context)
    batch_metrics.flush(connection.take_status_counts(), gate.last_known)
    return answer


def _received(record: dict[str, Any]) -> batch.ReceivedMessage:
    receive_count = int(record["attributes"]["ApproximateReceiveCount"])
    return batch.ReceivedMessage(record["messageId"], record["body"], receive_count)


def _do(tasks: Sequence[Task], receive_count: int) -> TaskResult:
    result = dispatcher.dispatch(tasks, receive_count)
    log_result(tasks, result)
    return result


def _finish(
    pending: dict[str, batch.PendingResult[TaskResult]], batch_metrics: BatchMetrics, deadline: float, record: SQSRecord
) -> None:
    """Wait for what comes of ``record``, and count it; raising makes it come again.

    It is not waited for beyond the ``deadline``: what is slow fails alone, and does not take the batch with it.
    """
    try:
        _settle(pending[record.message_id], batch_metrics, deadline, record)
    except (CodatUnavailableError, TimeoutError) as error:
        seconds = get_redelivery_delay(int(record.attributes.approximate_receive_count))
        logger.warning(
            "message will be redelivered",
            message_id=record.message_id,
            seconds=seconds,
            reason=repr(error),
            codat_correlation_id=getattr(error, "correlation_id", None),
            **_ids(pending, record),
        )
        metrics.add_metric("MessageFailed", MetricUnit.Count, 1)
        redelivery.postpone(record.receipt_handle, seconds)
        raise
    except Exception:
        logger.exception("message failed", message_id=record.message_id, **_ids(pending, record))
        metrics.add_metric("MessageFailed", MetricUnit.Count, 1)
        raise


def _settle(
    entry: batch.PendingResult[TaskResult], batch_metrics: BatchMetrics, deadline: float, record: SQSRecord
) -> None:
    try:
        batch_metrics.add(entry.task, entry.outcome.result(timeout=max(0.0, deadline - time.monotonic())))
    except TimeoutError:
        entry.outcome.cancel()  # If it has not begun, it need not: the message comes again.
        raise
    except PoisonMessageError as poison:
        dead_letters.send(record.body, record.attributes.get("MessageGroupId"), poison)
        ids = get_log_fields([entry.task]) if entry.task else {}
        logger.error("dead-lettered", message_id=record.message_id, reason=poison.reason, detail=poison.detail, **ids)
        metrics.add_metric("MessageDeadLettered", MetricUnit.Count, 1)


def _ids(pending: dict[str, batch.PendingResult[TaskResult]], record: SQSRecord) -> dict[str, Any]:
    task = pending[record.message_id].task
    return get_log_fields([task]) if task else {}
