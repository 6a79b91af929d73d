"""Worker: turn messages of SyncQueue into syncs, transactions and companies in SyncTable."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response

from codat_sync.aws.invocation_deadline import limit_invocation
from codat_sync.aws.observability import logger, metrics
from codat_sync.bootstrap.aws import client_config, connect_table
from codat_sync.bootstrap.codat import connect_api_key, connect_codat, limit_codat_calls
from codat_sync.bootstrap.configurations import build_configuration_capture
from codat_sync.codat.client import CodatClient
from codat_sync.codat.http import MAX_CALL_SECONDS
from codat_sync.companies.repository import CompanyRepository
from codat_sync.config import WorkerSettings
from codat_sync.core.bounded_http_client import build_http_client
from codat_sync.core.clock import utc_now
from codat_sync.ingestion.company_refresh import CompanyRefresh
from codat_sync.ingestion.dispatcher import TaskDispatcher
from codat_sync.ingestion.message_processor import MessageProcessor
from codat_sync.ingestion.sync_ingestion import SyncIngestion
from codat_sync.ingestion.telemetry import report_alert
from codat_sync.messaging.queues import DeadLetterQueue, MessageVisibility
from codat_sync.polling.schedule import Schedule
from codat_sync.rate_limits.gate import SharedGate
from codat_sync.rate_limits.process_limiter import ProcessLimiter
from codat_sync.syncs.repository import SyncRepository

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.typing import LambdaContext

_MAX_PARALLEL_SUBJECTS = 10  # the largest batch
_RESPONSE_SECONDS = 5  # of the invocation, reserved for reporting the failed messages

config = client_config(max_attempts=5)
settings = WorkerSettings.from_environment(os.environ)
http = build_http_client(settings.codat_base_url)
sqs = boto3.client("sqs", config=config)
table = connect_table(settings.sync_table_name, config)
gate = SharedGate(table, utc_now)
limiter = ProcessLimiter.for_processes(settings.maximum_concurrency)
connection = connect_codat(http, connect_api_key(settings.codat_secret_arn, config), limiter, gate)
codat = CodatClient(connection)
store = SyncRepository(table, event_retention=settings.event_retention)
companies = CompanyRepository(table, event_retention=settings.event_retention)
schedule = Schedule(settings.poll_initial_delay)
ingestion = SyncIngestion(codat, store, schedule, utc_now, report_alert)
capture = build_configuration_capture(connection, table, gate)
message_processor = MessageProcessor(
    TaskDispatcher(ingestion, CompanyRefresh(codat, companies, schedule, utc_now), store, gate, capture.capture),
    DeadLetterQueue(sqs, settings.sync_dead_letter_queue_url),
    MessageVisibility(sqs, settings.sync_queue_url),
    ThreadPoolExecutor(_MAX_PARALLEL_SUBJECTS, thread_name_prefix="work"),
)
processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: "LambdaContext") -> "PartialItemFailureResponse":
    """Process a batch of SyncQueue, and return the failed messages for redelivery."""
    remaining = context.get_remaining_time_in_millis() / 1000
    ends_at = time.monotonic() + remaining
    with limit_codat_calls(connection, remaining - MAX_CALL_SECONDS, quota_gate=gate):
        with limit_invocation(remaining):
            batch = message_processor.start(event["Records"], ends_at - _RESPONSE_SECONDS)
        answer = process_partial_response(event, batch.finish, processor, context)
    batch.batch_metrics.flush()
    return answer
