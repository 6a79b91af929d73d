"""Receiver: verify Codat's webhooks and enqueue them on SyncQueue."""

import json
import os
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools.metrics import MetricUnit
from botocore.config import Config

from codat_sync.aws.observability import logger, metrics
from codat_sync.aws.secrets import CachedSecret
from codat_sync.core.clock import utc_now
from codat_sync.core.environment import required
from codat_sync.core.errors import (
    MessageTooLargeError,
    QueueUnavailableError,
    SecretUnavailableError,
    WebhookAuthenticationError,
    WebhookUnverifiableError,
)
from codat_sync.core.http_event import raw_body
from codat_sync.messaging.queues import SyncQueue
from codat_sync.webhooks.receiver import authenticate, enqueue
from codat_sync.webhooks.signature import parse_signing_secrets

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

# Together less than the function's 10 s, for both services: what can't be done by then is answered 503. Neither
# this nor the settings come from ``bootstrap`` or ``config``, whose imports would slow the cold start.
_CONFIG = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2})

queue = SyncQueue(boto3.client("sqs", config=_CONFIG), required(os.environ, "SYNC_QUEUE_URL"))
secrets = boto3.client("secretsmanager", config=_CONFIG)
signing = CachedSecret(secrets, required(os.environ, "WEBHOOK_SECRET_ARN"), parse_signing_secrets)

Json = dict[str, Any]  # an event of API Gateway (payload 2.0) and the response to it, whose shape AWS defines
_HEADERS = {"content-type": "application/json"}


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: Json, _context: "LambdaContext") -> Json:
    """Answer 202 to a webhook that is on the queue; 401, 413 or 503 to one that is not."""
    received_at = utc_now()
    logger.set_correlation_id(correlation_id := event["requestContext"]["requestId"])
    body = raw_body(event)
    webhook_id = None
    try:
        webhook_id = authenticate(event["headers"], body, signing)
        message = enqueue(body, webhook_id, received_at=received_at, correlation_id=correlation_id, queue=queue)
    except WebhookAuthenticationError as error:
        return _refuse(401, "Unauthorized", "WebhookUnauthorized", error)
    except WebhookUnverifiableError as error:  # Counted as the former: forgeries are what uses up the re-reads.
        return _refuse(503, "Service Unavailable", "WebhookUnauthorized", error)
    except MessageTooLargeError as error:
        return _refuse(413, "Content Too Large", "WebhookTooLarge", error, webhook_id)
    except (SecretUnavailableError, QueueUnavailableError) as error:
        return _refuse(503, "Service Unavailable", "WebhookUnavailable", error, webhook_id)
    metrics.add_metric("WebhookAccepted", MetricUnit.Count, 1)
    logger.info("webhook accepted", webhook_id=webhook_id, company_id=message["companyId"], sync_id=message["syncId"])
    return _answer(202, "Accepted")


def _refuse(status: int, message: str, metric: str, error: Exception, webhook_id: str | None = None) -> Json:
    """Return and log a rejection; the log never quotes the unauthenticated request."""
    metrics.add_metric(metric, MetricUnit.Count, 1)
    logger.warning("webhook refused", status=status, reason=str(error), webhook_id=webhook_id)
    return _answer(status, message)


def _answer(status: int, message: str) -> Json:
    return {"statusCode": status, "headers": _HEADERS, "body": json.dumps({"message": message})}
