"""Health: serve the state of all syncs, as JSON (`/api/v1/…`) and as pages (all other paths)."""

import os
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools.metrics import MetricUnit

from codat_sync.aws.observability import logger, metrics
from codat_sync.bootstrap.aws import build_idempotent_requests, client_config, connect_table
from codat_sync.bootstrap.codat import connect_api_key, connect_codat, limit_codat_calls
from codat_sync.bootstrap.web import build_dead_letter_service, build_login, build_read_service
from codat_sync.codat.http import MAX_CALL_SECONDS
from codat_sync.config import HealthSettings, LoginSettings
from codat_sync.core.bounded_http_client import build_http_client
from codat_sync.core.clock import utc_now
from codat_sync.rate_limits.gate import SharedGate
from codat_sync.rate_limits.shared_limiter import SharedLimiter
from codat_sync.retries.lambda_client import RetryClient
from codat_sync.web.api.resolver import api
from codat_sync.web.pages.resolver import pages
from codat_sync.web.pages.site import Site
from codat_sync.web.sync_health import SyncHealth

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

# A request and the response to it: JSON, whose shape AWS defines.
Json = dict[str, Any]

config = client_config()
# Retry may take longer than a request: it is invoked once, and continues after the caller has given up.
retry_config = client_config(read_timeout=20, max_attempts=1)
settings, login_settings = HealthSettings.from_environment(os.environ), LoginSettings.from_environment(os.environ)
http = build_http_client(settings.codat_base_url)
table = connect_table(settings.sync_table_name, config)
sqs = boto3.client("sqs", config=config)
gate = SharedGate(table, utc_now, is_interactive=True)
api_key = connect_api_key(settings.codat_secret_arn, config)
connection = connect_codat(http, api_key, SharedLimiter(table, utc_now), gate)
read_service = build_read_service(settings, table, connection, sqs)
login, sessions = build_login(login_settings, http, config)
retry = RetryClient(boto3.client("lambda", config=retry_config), settings.retry_function_name)
letters = build_dead_letter_service(settings, table, sqs)
site = Site(pages(read_service, retry, letters), login, sessions, login_settings, utc_now)
json_api = api(read_service, letters, settings.access, retry, build_idempotent_requests(table))
sync_health = SyncHealth(json_api, site, login_settings.public_url)


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: Json, context: "LambdaContext") -> Json:
    """Answer a request of API Gateway (payload 2.0)."""
    metrics.add_metric("HealthRequests", MetricUnit.Count, 1)
    with limit_codat_calls(connection, context.get_remaining_time_in_millis() / 1000 - MAX_CALL_SECONDS):
        answer = sync_health.answer(event, context)
    logger.info("request completed", route=event["routeKey"], status=answer["statusCode"])
    return answer
