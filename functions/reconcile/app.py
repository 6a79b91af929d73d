"""Reconcile: every few minutes, what Codat lists is compared with SyncTable, and what is missing is enqueued."""

import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
import httpx
from botocore.config import Config

from codat_sync.aws.dynamodb import Table
from codat_sync.aws.invocation_deadline import heeding_the_end, run_for
from codat_sync.aws.observability import count, logger, metrics
from codat_sync.aws.secrets import CachedSecret
from codat_sync.codat.client import parse_api_key
from codat_sync.codat.directory_client import CodatDirectory
from codat_sync.codat.http import SECONDS_OF_A_CALL, CodatConnection
from codat_sync.config import ReconcileSettings
from codat_sync.core.timestamps import format_known
from codat_sync.messaging.queues import SyncQueue
from codat_sync.rate_limits.daily_budget import Ration, RationedTurns
from codat_sync.rate_limits.gate import SharedGate
from codat_sync.rate_limits.shared_limiter import SharedPace
from codat_sync.reconciliation.company_discovery import Discovering
from codat_sync.reconciliation.company_state import Cadence
from codat_sync.reconciliation.completeness import Completeness, OverallCompleteness
from codat_sync.reconciliation.endpoint_monitor import Watching
from codat_sync.reconciliation.reconciler import Reconciling
from codat_sync.reconciliation.repository import ReconciliationStore
from codat_sync.reconciliation.run import Round, Rounds
from codat_sync.reconciliation.run_repository import RoundsStore
from codat_sync.reconciliation.telemetry import tell, tell_failure, tell_round

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

# Of the 150 a minute that reconcile, submit and retry share: the rest is for what a product or a person waits for.
_PER_MINUTE = 110
# A comparison takes a few calls, and may have to wait a minute for its turn.
_SECONDS_OF_A_COMPARISON = 2 * SECONDS_OF_A_CALL + 60
_CONFIG = Config(
    connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3}, max_pool_connections=32
)


def _now() -> datetime:
    return datetime.now(UTC)


settings = ReconcileSettings.read(os.environ)
http = httpx.Client(base_url=settings.codat_base_url)
table = Table(heeding_the_end(boto3.client("dynamodb", config=_CONFIG)), settings.sync_table_name)
gate = SharedGate(table, _now)
ration = Ration(table, gate, _now, percent=settings.quota_percent)
connection = CodatConnection(
    http,
    CachedSecret(boto3.client("secretsmanager", config=_CONFIG), settings.codat_secret_arn, parse_api_key).value,
    RationedTurns(ration, SharedPace(table, _now, per_minute=_PER_MINUTE)),
    gate,
    _now,
)
codat = CodatDirectory(connection)
store, rounds_store = ReconciliationStore(table), RoundsStore(table)
completeness = Completeness(table)
rounds = Rounds(
    Reconciling(
        codat,
        store,
        SyncQueue(boto3.client("sqs", config=_CONFIG), settings.sync_queue_url),
        ration,
        Cadence(settings.busy, settings.quiet),
        _now,
    ),
    Discovering(codat, store, rounds_store, _now),
    Watching(codat, rounds_store, settings.webhook_url, _now),
    store,
    gate,
    _now,
    tell,
    tell_failure,
)


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def lambda_handler(_event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """Go a round, and answer how complete the table is after it."""
    remaining = context.get_remaining_time_in_millis() / 1000
    with run_for(remaining):
        return _go(time.monotonic() + remaining, f"reconcile-{context.aws_request_id}")


def _go(ends_at: float, correlation_id: str) -> dict[str, Any]:
    connection.deadline = ends_at - SECONDS_OF_A_CALL
    directory = rounds_store.load_directory()  # before this round: see ``Completeness.sum_up``
    try:
        went = rounds.go(lambda: time.monotonic() < ends_at - _SECONDS_OF_A_COMPARISON, correlation_id)
    finally:
        for status, number in connection.take_results().items():
            count("CodatCalls", "status", status, number)
    if lost := sum(len(each.lost) for each in went.compared):
        rounds_store.count_unannounced(lost, _now())
    overall = completeness.sum_up(directory, _now())
    tell_round(went, overall, _now())
    if went.fault:
        raise went.fault  # Only now that all else is done: it is an error of the function, and rings.
    return _answer(went, overall)


def _answer(went: Round, overall: OverallCompleteness) -> dict[str, Any]:
    return {
        "end": went.end.value,
        "compared": len(went.compared),
        "enqueued": sum(each.enqueued for each in went.compared),
        "completeAsOf": format_known(overall.complete_as_of),
    }
