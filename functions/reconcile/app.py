"""Reconcile: every few minutes, compare Codat's lists with SyncTable and enqueue what is missing."""

import os
import time
from typing import TYPE_CHECKING, Any

import boto3

from codat_sync.aws.invocation_deadline import limit_invocation
from codat_sync.aws.observability import logger, metrics
from codat_sync.bootstrap.aws import client_config, connect_table
from codat_sync.bootstrap.codat import connect_api_key, connect_codat, limit_codat_calls
from codat_sync.codat.directory_client import CodatDirectoryClient
from codat_sync.codat.http import MAX_CALL_SECONDS
from codat_sync.config import ReconcileSettings
from codat_sync.core.bounded_http_client import build_http_client
from codat_sync.core.clock import utc_now
from codat_sync.messaging.queues import SyncQueue
from codat_sync.rate_limits.daily_budget import BudgetedLimiter, DailyBudget
from codat_sync.rate_limits.gate import SharedGate
from codat_sync.rate_limits.shared_limiter import SharedLimiter
from codat_sync.reconciliation.company_discovery import CompanyDiscovery
from codat_sync.reconciliation.company_state import Cadence
from codat_sync.reconciliation.completeness import Completeness
from codat_sync.reconciliation.endpoint_monitor import EndpointMonitor
from codat_sync.reconciliation.reconciler import Reconciler
from codat_sync.reconciliation.repository import ReconciliationRepository
from codat_sync.reconciliation.run import ReconciliationRun
from codat_sync.reconciliation.run_repository import ReconciliationRunRepository
from codat_sync.reconciliation.service import ReconciliationService
from codat_sync.reconciliation.telemetry import log_comparison, log_failure

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

# Of the 150 a minute that reconcile, submit and retry share: the rest is for interactive requests.
_PER_MINUTE = 110
# A comparison takes a few calls, and may have to wait a minute for the rate limit.
_COMPARISON_SECONDS = 2 * MAX_CALL_SECONDS + 60

config = client_config()
settings = ReconcileSettings.from_environment(os.environ)
http = build_http_client(settings.codat_base_url)
table = connect_table(settings.sync_table_name, config)
gate = SharedGate(table, utc_now)
budget = DailyBudget(table, gate, utc_now, percent=settings.quota_percent)
limiter = BudgetedLimiter(budget, SharedLimiter(table, utc_now, per_minute=_PER_MINUTE))
connection = connect_codat(http, connect_api_key(settings.codat_secret_arn, config), limiter, gate)
codat = CodatDirectoryClient(connection)
store, run_repository = ReconciliationRepository(table), ReconciliationRunRepository(table)
queue = SyncQueue(boto3.client("sqs", config=config), settings.sync_queue_url)
cadence = Cadence(settings.active_interval, settings.idle_interval)
run = ReconciliationRun(
    Reconciler(codat, store, queue, budget, cadence, utc_now),
    CompanyDiscovery(codat, store, run_repository, utc_now),
    EndpointMonitor(codat, run_repository, settings.webhook_url, utc_now),
    store,
    gate,
    utc_now,
    log_comparison,
    log_failure,
)
service = ReconciliationService(run, run_repository, Completeness(table), utc_now)


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def lambda_handler(_event: dict[str, Any], context: "LambdaContext") -> dict[str, object]:
    """Run a reconciliation, and return its summary and the table's completeness after it."""
    remaining = context.get_remaining_time_in_millis() / 1000
    last_comparison_at = time.monotonic() + remaining - _COMPARISON_SECONDS
    with limit_invocation(remaining), limit_codat_calls(connection, remaining - MAX_CALL_SECONDS):
        return service.reconcile(lambda: time.monotonic() < last_comparison_at, f"reconcile-{context.aws_request_id}")
