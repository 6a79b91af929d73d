"""Clock: each minute, what has to be looked at again goes to SyncQueue."""

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools.metrics import MetricUnit
from botocore.config import Config

from codat_sync.aws.dynamodb import Table
from codat_sync.aws.observability import count, logger, metrics
from codat_sync.config import ClockSettings
from codat_sync.messaging.queues import RetryQueue, SyncQueue
from codat_sync.polling.dispatcher import DispatchQueues, dispatch_due_items
from codat_sync.polling.due_items import DueItemRepository
from codat_sync.rate_limits.gate import SharedGate

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_CONFIG = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})


def _now() -> datetime:
    return datetime.now(UTC)


settings = ClockSettings.from_environment(os.environ)
table = Table(boto3.client("dynamodb", config=_CONFIG), settings.sync_table_name)
due = DueItemRepository(table)
gate = SharedGate(table, _now)
sqs = boto3.client("sqs", config=_CONFIG)
queues = DispatchQueues(SyncQueue(sqs, settings.sync_queue_url), RetryQueue(sqs, settings.retry_queue_url))


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def lambda_handler(_event: dict[str, Any], _context: "LambdaContext") -> dict[str, Any]:
    """Enqueue what is due, and tell how much that was."""
    ticked = dispatch_due_items(due, queues, gate, _now)
    metrics.add_metric("DueItemsEnqueued", MetricUnit.Count, ticked.enqueued)
    metrics.add_metric("DueItemLateness", MetricUnit.Seconds, ticked.lateness.total_seconds())
    metrics.add_metric("GateClosed", MetricUnit.Count, int(ticked.closure is not None))
    if ticked.closure:
        count("GateClosedBy", "reason", ticked.closure.reason)
    logger.info("ticked", enqueued=ticked.enqueued, gate=ticked.closure and ticked.closure.reason)
    return {"enqueued": ticked.enqueued, "gate": ticked.closure and ticked.closure.reason}
