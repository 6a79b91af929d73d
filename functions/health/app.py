"""Health: what became of every sync, for programs (`/api/v1/…`) and for people (all other paths)."""

import os
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import httpx
from aws_lambda_powertools.metrics import MetricUnit
from botocore.config import Config

from codat_sync.auth.login_flow import LoginFlow
from codat_sync.auth.login_state import LoginState
from codat_sync.auth.oidc_client import OidcClient, parse_oidc_client_credentials
from codat_sync.auth.session import Session
from codat_sync.auth.signed_cookie import SignedCookie, parse_session_key
from codat_sync.aws.dynamodb import Table
from codat_sync.aws.observability import count, logger, metrics
from codat_sync.aws.secrets import CachedSecret
from codat_sync.codat.client import CodatClient, parse_api_key
from codat_sync.codat.http import MAX_CALL_SECONDS, CodatHttpClient
from codat_sync.companies.repository import CompanyRepository
from codat_sync.companies.tombstones import is_not_erased
from codat_sync.config import HealthSettings, LoginSettings
from codat_sync.dead_letters.queue import DeadLetterQueueClient, DroppedLetterRepository
from codat_sync.dead_letters.service import DeadLetterService
from codat_sync.messaging.queues import SyncQueue
from codat_sync.queries.live_lookup import LiveLookup
from codat_sync.queries.sync_details import SyncReader
from codat_sync.queries.sync_history import SyncHistory
from codat_sync.queries.sync_index import SyncIndex
from codat_sync.rate_limits.gate import SharedGate
from codat_sync.rate_limits.shared_limiter import SharedLimiter
from codat_sync.reconciliation.completeness import Completeness
from codat_sync.reconciliation.run_repository import ReconciliationRunRepository
from codat_sync.retries.lambda_client import RetryClient
from codat_sync.retries.planner import RetryPolicy
from codat_sync.retries.preview import RetryPreviewService
from codat_sync.retries.transaction_history import TransactionHistories
from codat_sync.submissions.repository import SubmissionRepository
from codat_sync.syncs.repository import SyncRepository
from codat_sync.web.api.resolver import api
from codat_sync.web.api.responses import PREFIX
from codat_sync.web.pages.resolver import pages
from codat_sync.web.pages.site import Site
from codat_sync.web.read_service import ReadService
from codat_sync.web.security_headers import headers_for

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

# Retry may take longer than a request to here: it is asked once, and goes on when nobody waits for it any more.
_RETRY_CONFIG = Config(connect_timeout=2, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 1})
_CONFIG = Config(
    connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3}, max_pool_connections=32
)
_NO_EVENTS = timedelta()  # None is written here.

# What AWS hands over and takes back: JSON, whose shape it defines.
Json = dict[str, Any]


def _now() -> datetime:
    return datetime.now(UTC)


settings, login_settings = HealthSettings.from_environment(os.environ), LoginSettings.from_environment(os.environ)
http = httpx.Client(base_url=settings.codat_base_url)
table = Table(boto3.client("dynamodb", config=_CONFIG), settings.sync_table_name)
sqs = boto3.client("sqs", config=_CONFIG)
secrets = boto3.client("secretsmanager", config=_CONFIG)
connection = CodatHttpClient(
    http,
    CachedSecret(secrets, settings.codat_secret_arn, parse_api_key).value,
    SharedLimiter(table, _now),
    SharedGate(table, _now, is_interactive=True),
    _now,
)
store = SyncRepository(table, event_retention=_NO_EVENTS)
companies = CompanyRepository(table, event_retention=_NO_EVENTS)
policy = RetryPolicy(settings.max_attempts, settings.initial_delay, settings.max_delay)
session_key = CachedSecret(secrets, login_settings.session_secret_arn, parse_session_key)
is_secure = not login_settings.is_local
sessions = SignedCookie("session", Session, session_key, _now, is_secure=is_secure)
login = LoginFlow(
    OidcClient(
        http,
        login_settings.issuer,
        CachedSecret(secrets, login_settings.login_secret_id, parse_oidc_client_credentials),
    ),
    SignedCookie("login", LoginState, session_key, _now, is_secure=is_secure),
    sessions,
    login_settings.access.roles_claims,
    _now,
)
read_service = ReadService(
    sync_history=SyncHistory(SyncIndex(table)),
    details=SyncReader(table, companies),
    store=store,
    companies=companies,
    completeness=Completeness(table),
    run_repository=ReconciliationRunRepository(table),
    retry_previews=RetryPreviewService(
        TransactionHistories(store, SubmissionRepository(table), companies), policy, _now
    ),
    live=LiveLookup(CodatClient(connection), SyncQueue(sqs, settings.sync_queue_url), partial(is_not_erased, table)),
    now=_now,
)
json_api = api(read_service, settings.access)
retry = RetryClient(boto3.client("lambda", config=_RETRY_CONFIG), settings.retry_function_name)
dead_letter_queues = [
    DeadLetterQueueClient(sqs, "sync", url=settings.sync_dead_letter_queue_url, source_url=settings.sync_queue_url),
    DeadLetterQueueClient(sqs, "retry", url=settings.retry_dead_letter_queue_url, source_url=settings.retry_queue_url),
]
if settings.publish_dead_letter_queue_url:
    # They came from the table's stream, which nobody can write to.
    dead_letter_queues.append(
        DeadLetterQueueClient(sqs, "publish", url=settings.publish_dead_letter_queue_url, source_url=None)
    )
letters = DeadLetterService(dead_letter_queues, DroppedLetterRepository(table))
site = Site(pages(read_service, retry, letters), login, sessions, login_settings, _now)


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: Json, context: "LambdaContext") -> Json:
    """Answer a request of API Gateway's (payload 2.0)."""
    metrics.add_metric("HealthRequests", MetricUnit.Count, 1)
    connection.deadline = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - MAX_CALL_SECONDS
    try:
        answer = _answer(event, context)
    finally:
        for status, number in connection.take_status_counts().items():
            count("CodatCalls", "status", status, number)
    logger.info("request completed", route=event["routeKey"], status=answer["statusCode"])
    return answer


def _answer(event: Json, context: "LambdaContext") -> Json:
    path = event["rawPath"].removeprefix(urlsplit(login_settings.public_url).path.rstrip("/"))
    if path.startswith(f"{PREFIX}/"):
        answer = json_api.resolve(event | {"rawPath": path}, context)
    else:
        answer = site.resolve(event, context)
    return answer | {"headers": headers_for(answer["headers"])}
