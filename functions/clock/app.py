"""Clock: enqueue each minute the syncs, companies and retries that are due."""

import os
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools.metrics import MetricUnit

from codat_sync.aws.observability import count, logger, metrics
from codat_sync.bootstrap.aws import client_config, connect_table
from codat_sync.config import ClockSettings
from codat_sync.core.clock import utc_now
from codat_sync.messaging.queues import RetryQueue, SyncQueue
from codat_sync.polling.dispatcher import DispatchQueues, dispatch_due_items
from codat_sync.polling.due_items import DueItemRepository
from codat_sync.rate_limits.gate import SharedGate

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

config = client_config()
settings = ClockSettings.from_environment(os.environ)
table = connect_table(settings.sync_table_name, config)
due = DueItemRepository(table)
gate = SharedGate(table, utc_now)
sqs = boto3.client("sqs", config=config)
queues = DispatchQueues(SyncQueue(sqs, settings.sync_queue_url), RetryQueue(sqs, settings.retry_queue_url))


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def lambda_handler(_event: dict[str, Any], _context: "LambdaContext") -> dict[str, Any]:
    """Enqueue what is due, and return the number of items."""
    result = dispatch_due_items(due, queues, gate, utc_now)
    metrics.add_metric("DueItemsEnqueued", MetricUnit.Count, result.enqueued)
    metrics.add_metric("DueItemLateness", MetricUnit.Seconds, result.lateness.total_seconds())
    metrics.add_metric("GateClosed", MetricUnit.Count, int(result.closure is not None))
    if result.closure:
        count("GateClosedBy", "reason", result.closure.reason)
    logger.info("due items dispatched", enqueued=result.enqueued, gate=result.closure and result.closure.reason)
    return {"enqueued": result.enqueued, "gate": result.closure and result.closure.reason}
