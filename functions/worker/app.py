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
from codat_sync.aws.invocation_deadline import heeding_the_end, run_for
from codat_sync.aws.observability import logger, metrics
from codat_sync.aws.secrets import CachedSecret
from codat_sync.codat.client import Codat, parse_api_key
from codat_sync.codat.http import SECONDS_OF_A_CALL, CodatConnection
from codat_sync.companies.repository import CompanyStore
from codat_sync.config import WorkerSettings
from codat_sync.core.errors import CodatUnavailableError, PoisonError
from codat_sync.ingestion import batch
from codat_sync.ingestion.company_refresh import Refreshing
from codat_sync.ingestion.dispatcher import Work
from codat_sync.ingestion.results import Done
from codat_sync.ingestion.sync_ingestion import Ingestion
from codat_sync.ingestion.tasks import News
from codat_sync.ingestion.telemetry import Tally, about, log_done, tell
from codat_sync.messaging.queues import DeadLetterQueue, Redelivery
from codat_sync.polling.schedule import Schedule, redelivery_delay
from codat_sync.rate_limits.gate import SharedGate
from codat_sync.rate_limits.process_limiter import Pace
from codat_sync.syncs.repository import Store

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


settings = WorkerSettings.read(os.environ)
http = httpx.Client(base_url=settings.codat_base_url)
sqs = boto3.client("sqs", config=_CONFIG)
table = Table(heeding_the_end(boto3.client("dynamodb", config=_CONFIG)), settings.sync_table_name)
gate = SharedGate(table, _now)
connection = CodatConnection(
    http,
    CachedSecret(boto3.client("secretsmanager", config=_CONFIG), settings.codat_secret_arn, parse_api_key).value,
    Pace.share(settings.maximum_concurrency),
    gate,
    _now,
)
codat = Codat(connection)
store = Store(table, event_retention=settings.event_retention)
companies = CompanyStore(table, event_retention=settings.event_retention)
schedule = Schedule(settings.first_look)
work = Work(
    Ingestion(codat, store, schedule, _now, tell),
    Refreshing(codat, companies, schedule, _now),
    store,
    gate,
)
dead_letters = DeadLetterQueue(sqs, settings.sync_dead_letter_queue_url)
redelivery = Redelivery(sqs, settings.sync_queue_url)
pool = ThreadPoolExecutor(_SUBJECTS_AT_ONCE, thread_name_prefix="work")
processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: "LambdaContext") -> "PartialItemFailureResponse":
    """Work on a batch of SyncQueue, and answer which of its messages have to come again."""
    remaining = context.get_remaining_time_in_millis() / 1000
    ends_at = time.monotonic() + remaining
    connection.deadline = ends_at - SECONDS_OF_A_CALL
    with run_for(remaining):
        tasks = batch.start(map(_received, event["Records"]), _do, pool)
    tally = Tally()
    deadline = ends_at - _SECONDS_TO_ANSWER
    answer = process_partial_response(event, partial(_finish, tasks, tally, deadline), processor, context)
    tally.flush(connection.take_results(), gate.known)
    return answer


def _received(record: dict[str, Any]) -> batch.Received:
    receives = int(record["attributes"]["ApproximateReceiveCount"])
    return batch.Received(record["messageId"], record["body"], receives)


def _do(news: Sequence[News], receives: int) -> Done:
    done = work.do(news, receives)
    log_done(news, done)
    return done


def _finish(tasks: dict[str, batch.Task[Done]], tally: Tally, deadline: float, record: SQSRecord) -> None:
    """Wait for what comes of ``record``, and count it; raising makes it come again.

    It is not waited for beyond the ``deadline``: what is slow fails alone, and does not take the batch with it.
    """
    try:
        _settle(tasks[record.message_id], tally, deadline, record)
    except (CodatUnavailableError, TimeoutError) as error:
        seconds = redelivery_delay(int(record.attributes.approximate_receive_count))
        logger.warning(
            "comes again",
            message_id=record.message_id,
            seconds=seconds,
            reason=repr(error),
            codat_correlation_id=getattr(error, "correlation_id", None),
            **_ids(tasks, record),
        )
        metrics.add_metric("MessageFailed", MetricUnit.Count, 1)
        redelivery.delay(record.receipt_handle, seconds)
        raise
    except Exception:
        logger.exception("failed", message_id=record.message_id, **_ids(tasks, record))
        metrics.add_metric("MessageFailed", MetricUnit.Count, 1)
        raise


def _settle(task: batch.Task[Done], tally: Tally, deadline: float, record: SQSRecord) -> None:
    try:
        tally.add(task.news, task.outcome.result(timeout=max(0.0, deadline - time.monotonic())))
    except TimeoutError:
        task.outcome.cancel()  # If it has not begun, it need not: the message comes again.
        raise
    except PoisonError as poison:
        dead_letters.set_aside(record.body, record.attributes.get("MessageGroupId"), poison)
        ids = about([task.news]) if task.news else {}
        logger.error("set aside", message_id=record.message_id, reason=poison.reason, detail=poison.detail, **ids)
        metrics.add_metric("MessageSetAside", MetricUnit.Count, 1)


def _ids(tasks: dict[str, batch.Task[Done]], record: SQSRecord) -> dict[str, Any]:
    news = tasks[record.message_id].news
    return about([news]) if news else {}
