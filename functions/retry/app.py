"""Retry: resubmit failed transactions, on a message of the clock's, an HTTP request or a direct invocation."""

import os
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response

from codat_sync.aws.invocation_deadline import limit_invocation
from codat_sync.aws.observability import logger, metrics
from codat_sync.bootstrap.aws import build_idempotent_requests, client_config, connect_table
from codat_sync.bootstrap.bulk_retries import build_bulk_retry_service
from codat_sync.bootstrap.codat import connect_api_key, connect_codat, limit_codat_calls
from codat_sync.bootstrap.retries import build_retry_command_service, build_work_decision_service
from codat_sync.bootstrap.submissions import build_outcome_check, build_resolution_service
from codat_sync.bulk_retries.commands import execute_bulk_command, is_bulk_command
from codat_sync.codat.http import MAX_CALL_SECONDS
from codat_sync.config import RetrySettings
from codat_sync.core.bounded_http_client import build_http_client
from codat_sync.core.clock import utc_now
from codat_sync.messaging.queues import DeadLetterQueue
from codat_sync.rate_limits.gate import SharedGate
from codat_sync.rate_limits.shared_limiter import SharedLimiter
from codat_sync.retries.message_processor import RetryMessageProcessor
from codat_sync.retries.responses import answer_invocation, answer_request

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

# An event and the response to it: JSON, whose shape AWS defines.
Json = dict[str, Any]

config = client_config()
settings = RetrySettings.from_environment(os.environ)
http = build_http_client(settings.codat_base_url)
table = connect_table(settings.sync_table_name, config)
api_key = connect_api_key(settings.codat_secret_arn, config)
connection = connect_codat(http, api_key, SharedLimiter(table, utc_now), SharedGate(table, utc_now))
service = build_retry_command_service(settings, table, connection)
dead_letters = DeadLetterQueue(boto3.client("sqs", config=config), settings.retry_dead_letter_queue_url)
outcome_check = build_outcome_check(service.retry_service.submission_service, table)
resolutions = build_resolution_service(table)
bulk_retries = build_bulk_retry_service(table, service)
message_processor = RetryMessageProcessor(service.execute, outcome_check.execute, bulk_retries.run, dead_letters)
decisions = build_work_decision_service(service)
requests = build_idempotent_requests(table)
processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: Json, context: "LambdaContext") -> Any:  # noqa: ANN401 - several kinds of callers
    """Return the result of each transaction; to SQS, the failed messages for redelivery."""
    metrics.add_metric("RetryInvocations", MetricUnit.Count, 1)
    remaining = context.get_remaining_time_in_millis() / 1000
    with limit_codat_calls(connection, remaining - MAX_CALL_SECONDS), limit_invocation(remaining):
        if "Records" in event:
            return process_partial_response(event, message_processor.process, processor, context)
        if "requestContext" in event:
            return answer_request(event, settings.access, requests, service.execute)
        if is_bulk_command(event):
            return execute_bulk_command(event, bulk_retries)
        return answer_invocation(event, service.execute, resolutions, decisions)
