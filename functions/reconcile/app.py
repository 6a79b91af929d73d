"""Reconcile: every few minutes, what Codat lists is compared with SyncTable, and what is missing is enqueued."""

import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
import httpx
from botocore.config import Config

from codat_sync.aws.dynamodb import Table
from codat_sync.aws.invocation_deadline import enforce_deadline, limit_invocation
from codat_sync.aws.observability import count, logger, metrics
from codat_sync.aws.secrets import CachedSecret
from codat_sync.codat.client import parse_api_key
from codat_sync.codat.directory_client import CodatDirectoryClient
from codat_sync.codat.http import MAX_CALL_SECONDS, CodatHttpClient
from codat_sync.config import ReconcileSettings
from codat_sync.core.timestamps import format_optional_timestamp
from codat_sync.messaging.queues import SyncQueue
from codat_sync.rate_limits.daily_budget import BudgetedLimiter, DailyBudget
from codat_sync.rate_limits.gate import SharedGate
from codat_sync.rate_limits.shared_limiter import SharedLimiter
from codat_sync.reconciliation.company_discovery import CompanyDiscovery
from codat_sync.reconciliation.company_state import Cadence
from codat_sync.reconciliation.completeness import Completeness, OverallCompleteness
from codat_sync.reconciliation.endpoint_monitor import EndpointMonitor
from codat_sync.reconciliation.reconciler import Reconciler
from codat_sync.reconciliation.repository import ReconciliationRepository
from codat_sync.reconciliation.run import ReconciliationRun, RunResult
from codat_sync.reconciliation.run_repository import ReconciliationRunRepository
from codat_sync.reconciliation.telemetry import log_comparison, log_failure, log_run

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

# Of the 150 a minute that reconcile, submit and retry share: the rest is for what a product or a person waits for.
_PER_MINUTE = 110
# A comparison takes a few calls, and may have to wait a minute for its turn.
_SECONDS_OF_A_COMPARISON = 2 * MAX_CALL_SECONDS + 60
_CONFIG = Config(
    connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3}, max_pool_connections=32
)


def _now() -> datetime:
    return datetime.now(UTC)


settings = ReconcileSettings.from_environment(os.environ)
http = httpx.Client(base_url=settings.codat_base_url)
table = Table(enforce_deadline(boto3.client("dynamodb", config=_CONFIG)), settings.sync_table_name)
gate = SharedGate(table, _now)
budget = DailyBudget(table, gate, _now, percent=settings.quota_percent)
connection = CodatHttpClient(
    http,
    CachedSecret(boto3.client("secretsmanager", config=_CONFIG), settings.codat_secret_arn, parse_api_key).value,
    BudgetedLimiter(budget, SharedLimiter(table, _now, per_minute=_PER_MINUTE)),
    gate,
    _now,
)
codat = CodatDirectoryClient(connection)
store, run_repository = ReconciliationRepository(table), ReconciliationRunRepository(table)
completeness = Completeness(table)
run = ReconciliationRun(
    Reconciler(
        codat,
        store,
        SyncQueue(boto3.client("sqs", config=_CONFIG), settings.sync_queue_url),
        budget,
        Cadence(settings.active_interval, settings.idle_interval),
        _now,
    ),
    CompanyDiscovery(codat, store, run_repository, _now),
    EndpointMonitor(codat, run_repository, settings.webhook_url, _now),
    store,
    gate,
    _now,
    log_comparison,
    log_failure,
)


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def lambda_handler(_event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """Go a round, and answer how complete the table is after it."""
    remaining = context.get_remaining_time_in_millis() / 1000
    with limit_invocation(remaining):
        return _run(time.monotonic() + remaining, f"reconcile-{context.aws_request_id}")


def _run(ends_at: float, correlation_id: str) -> dict[str, Any]:
    connection.deadline = ends_at - MAX_CALL_SECONDS
    directory = run_repository.load_directory()  # before this round: see ``Completeness.update_overall``
    try:
        result = run.run(lambda: time.monotonic() < ends_at - _SECONDS_OF_A_COMPARISON, correlation_id)
    finally:
        for status, number in connection.take_status_counts().items():
            count("CodatCalls", "status", status, number)
    if lost := sum(len(each.lost) for each in result.compared):
        run_repository.count_missed_webhooks(lost, _now())
    overall = completeness.update_overall(directory, _now())
    log_run(result, overall, _now())
    if result.fault:
        raise result.fault  # Only now that all else is done: it is an error of the function, and rings.
    return _summary(result, overall)


def _summary(result: RunResult, overall: OverallCompleteness) -> dict[str, Any]:
    return {
        "stopReason": result.stop_reason.value,
        "compared": len(result.compared),
        "enqueued": sum(each.enqueued for each in result.compared),
        "completeAsOf": format_optional_timestamp(overall.complete_as_of),
    }
