"""Submit: answer a product's requests as Codat does, and record the expenses they write."""

import os
from functools import partial
from typing import TYPE_CHECKING, Any

from codat_sync.aws.invocation_deadline import limit_invocation
from codat_sync.aws.observability import logger, metrics
from codat_sync.bootstrap.aws import client_config, connect_table
from codat_sync.bootstrap.codat import connect_api_key, connect_codat, limit_codat_calls
from codat_sync.bootstrap.submissions import build_submission_service
from codat_sync.companies.tombstones import require_not_erased
from codat_sync.config import SubmitSettings
from codat_sync.core.bounded_http_client import build_http_client
from codat_sync.core.clock import utc_now
from codat_sync.rate_limits.gate import SharedGate
from codat_sync.rate_limits.shared_limiter import SharedLimiter
from codat_sync.submissions.codat_writer import CodatWriter
from codat_sync.submissions.proxy import SubmitProxy

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_MAX_START_SECONDS = 10  # until a call to Codat must begin: with its 15, less than the 29 of the function

# A request of API Gateway (payload 2.0) and the response to it: JSON, whose shape AWS defines.
Json = dict[str, Any]

config = client_config(connect_timeout=1, read_timeout=3)
settings = SubmitSettings.from_environment(os.environ)
http = build_http_client(settings.codat_base_url)
table = connect_table(settings.sync_table_name, config)
api_key = connect_api_key(settings.codat_secret_arn, config)
# Users wait for what a product submits: it may use the share of the quota reserved for interactive requests.
gate = SharedGate(table, utc_now, is_interactive=True)
connection = connect_codat(http, api_key, SharedLimiter(table, utc_now), gate)
proxy = SubmitProxy(
    build_submission_service(settings, table, connection),
    CodatWriter(connection),
    api_key.value,
    partial(require_not_erased, table),
    utc_now,
)


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: Json, context: "LambdaContext") -> Json:
    """Return Codat's response, or an error that says why Codat was not called."""
    logger.set_correlation_id(event["requestContext"]["requestId"])
    remaining = context.get_remaining_time_in_millis() / 1000
    with limit_codat_calls(connection, _MAX_START_SECONDS), limit_invocation(remaining):
        return proxy.answer(event)
