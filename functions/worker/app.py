"""Worker: messages of SyncQueue become syncs and transactions in SyncTable."""

import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
import httpx
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from botocore.config import Config

from codat_sync import batch, ingest
from codat_sync.codat import Codat, parse_api_key
from codat_sync.errors import PoisonError
from codat_sync.inbox import read_message
from codat_sync.observability import logger, metrics
from codat_sync.pace import Pace
from codat_sync.queues import DeadLetterQueue
from codat_sync.secret import CachedSecret
from codat_sync.settings import WorkerSettings
from codat_sync.store import Store

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.typing import LambdaContext

_SYNCS_AT_ONCE = 10  # the largest batch
_CONFIG = Config(
    connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 5}, max_pool_connections=32
)

settings = WorkerSettings.read(os.environ)
http = httpx.Client()
codat = Codat(
    http,
    settings.codat_base_url,
    CachedSecret(boto3.client("secretsmanager", config=_CONFIG), settings.codat_secret_arn, parse_api_key).value,
    Pace.share(settings.maximum_concurrency),
)
store = Store(
    boto3.client("dynamodb", config=_CONFIG), settings.sync_table_name, event_retention=settings.event_retention
)
dead_letters = DeadLetterQueue(boto3.client("sqs", config=_CONFIG), settings.sync_dead_letter_queue_url)
pool = ThreadPoolExecutor(_SYNCS_AT_ONCE, thread_name_prefix="sync")
processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: "LambdaContext") -> "PartialItemFailureResponse":
    """Work on a batch of SyncQueue, and answer which of its messages have to come again."""
    messages = [(record["messageId"], record["body"]) for record in event["Records"]]
    outcomes = batch.start(messages, _ingest, pool)
    return process_partial_response(event, partial(_finish, outcomes), processor, context)


def _ingest(announcements: Sequence[ingest.Announcement]) -> ingest.Ingested:
    ingested = ingest.ingest(announcements, codat, store, lambda: datetime.now(UTC))
    first = announcements[0]
    logger.info(
        "ingested",
        change=ingested.change,
        company_id=first.company_id,
        sync_id=first.sync_id,
        code=ingested.sync and ingested.sync.status.code,
        outcome=ingested.sync and ingested.sync.outcome,
        transactions=ingested.sync and len(ingested.sync.items),
        webhook_ids=[announcement.event.webhook_id for announcement in announcements],
        correlation_ids=[announcement.event.correlation_id for announcement in announcements],
    )
    return ingested


def _finish(outcomes: "dict[str, Future[ingest.Ingested | None]]", record: SQSRecord) -> None:
    """Wait for what comes of ``record``, and count it; raising makes it come again."""
    try:
        metric = _settle(outcomes[record.message_id], record)
    except Exception:
        logger.exception("failed", message_id=record.message_id)
        metrics.add_metric("MessageFailed", MetricUnit.Count, 1)
        raise
    metrics.add_metric(metric, MetricUnit.Count, 1)


def _settle(outcome: "Future[ingest.Ingested | None]", record: SQSRecord) -> str:
    """Return the name under which what came of ``record`` is counted."""
    try:
        ingested = outcome.result()
    except PoisonError as poison:
        dead_letters.set_aside(record.body, record.attributes.get("MessageGroupId"), poison)
        logger.error("set aside", message_id=record.message_id, reason=poison.reason, detail=poison.detail)
        return "MessageSetAside"
    if ingested:
        return f"Sync{ingested.change.capitalize()}"
    logger.info("not ours", message_id=record.message_id, webhook_id=read_message(record.body)["webhookId"])
    return "EventNotOurs"
