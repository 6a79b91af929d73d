"""Publish: send events about changes in SyncTable to the event bus."""

import os
from collections import Counter
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord

from codat_sync.aws.observability import count, logger, metrics
from codat_sync.bootstrap.aws import client_config, connect_table
from codat_sync.config import PublishSettings
from codat_sync.core.errors import PoisonMessageError
from codat_sync.messaging.messages import MAX_MESSAGE_BYTES
from codat_sync.messaging.queues import DeadLetterQueue
from codat_sync.publishing.event_bus import EventBus
from codat_sync.publishing.publisher import Publisher
from codat_sync.publishing.stream_records import read_change, record_to_json
from codat_sync.syncs.repository import SyncRepository

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.typing import LambdaContext

_MILLISECONDS_OF_A_RECORD = 60_000  # for the largest sync and a slow bus

config = client_config()
settings = PublishSettings.from_environment(os.environ)
table = connect_table(settings.sync_table_name, config)
# Read-only here.
store = SyncRepository(table, event_retention=timedelta())
publisher = Publisher(store, EventBus(boto3.client("events", config=config), settings.event_bus_name))
dead_letters = DeadLetterQueue(boto3.client("sqs", config=config), settings.publish_dead_letter_queue_url)
processor = BatchProcessor(EventType.DynamoDBStreams, raise_on_entire_batch_failure=False)


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: "LambdaContext") -> "PartialItemFailureResponse":
    """Publish the events of a batch of stream records, and return the failed records for redelivery."""
    published: Counter[str] = Counter()
    metrics.add_metric("StreamRecords", MetricUnit.Count, len(event["Records"]))
    answer = process_partial_response(event, partial(_publish, published, context), processor, context)
    for name, number in published.items():
        count("EventsPublished", "eventType", name, number)
    return answer


def _publish(published: Counter[str], context: "LambdaContext", record: DynamoDBRecord) -> None:
    """Publish the events of one record. An error causes only this record to be redelivered."""
    ids: dict[str, Any] = {"record_id": record.event_id, "keys": (record.get("dynamodb") or {}).get("Keys")}
    try:
        _require_time(context)
        events = publisher.publish(read_change(record))
    except PoisonMessageError as poison:
        # At once: each retry would fail in the same way, and delay the records after it.
        dead_letters.send(record_to_json(record.raw_event, MAX_MESSAGE_BYTES), None, poison)
        logger.error("message dead-lettered", reason=poison.reason, detail=poison.detail, **ids)
        metrics.add_metric("RecordDeadLettered", MetricUnit.Count, 1)
    except Exception:
        logger.exception("message failed", **ids)
        metrics.add_metric("RecordFailed", MetricUnit.Count, 1)
        raise
    else:
        published.update(events)
        if events:
            logger.info("events published", events=dict(events), **ids)


def _require_time(context: "LambdaContext") -> None:
    if context.get_remaining_time_in_millis() < _MILLISECONDS_OF_A_RECORD:
        raise TimeoutError("there is no time left for another record")
