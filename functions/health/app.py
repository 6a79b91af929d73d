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

from codat_sync.auth.login_flow import Login
from codat_sync.auth.login_state import LoginAttempt
from codat_sync.auth.oidc_client import IdentityProvider, parse_login_client
from codat_sync.auth.session import Session
from codat_sync.auth.signed_cookie import SignedCookie, parse_session_key
from codat_sync.aws.dynamodb import Table
from codat_sync.aws.observability import count, logger, metrics
from codat_sync.aws.secrets import CachedSecret
from codat_sync.codat.client import Codat, parse_api_key
from codat_sync.codat.http import SECONDS_OF_A_CALL, CodatConnection
from codat_sync.companies.repository import CompanyStore
from codat_sync.companies.tombstones import is_known
from codat_sync.config import HealthSettings, LoginSettings
from codat_sync.dead_letters.queue import DroppedLetters, SetAside
from codat_sync.dead_letters.service import DeadLetters
from codat_sync.messaging.queues import SyncQueue
from codat_sync.queries.live_lookup import Live
from codat_sync.queries.sync_details import Details
from codat_sync.queries.sync_history import Browsing
from codat_sync.queries.sync_index import Listing
from codat_sync.rate_limits.gate import SharedGate
from codat_sync.rate_limits.shared_limiter import SharedPace
from codat_sync.reconciliation.completeness import Completeness
from codat_sync.reconciliation.run_repository import RoundsStore
from codat_sync.retries.lambda_client import RetryFunction
from codat_sync.retries.planner import Policy
from codat_sync.retries.preview import Previewing
from codat_sync.retries.transaction_history import Standings
from codat_sync.submissions.repository import SubmissionStore
from codat_sync.syncs.repository import Store
from codat_sync.web.api.resolver import api
from codat_sync.web.api.responses import PREFIX
from codat_sync.web.pages.resolver import pages
from codat_sync.web.pages.site import Site
from codat_sync.web.read_service import Reading
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


settings, login_settings = HealthSettings.read(os.environ), LoginSettings.read(os.environ)
http = httpx.Client(base_url=settings.codat_base_url)
table = Table(boto3.client("dynamodb", config=_CONFIG), settings.sync_table_name)
sqs = boto3.client("sqs", config=_CONFIG)
secrets = boto3.client("secretsmanager", config=_CONFIG)
connection = CodatConnection(
    http,
    CachedSecret(secrets, settings.codat_secret_arn, parse_api_key).value,
    SharedPace(table, _now),
    SharedGate(table, _now, is_for_people=True),
    _now,
)
store = Store(table, event_retention=_NO_EVENTS)
companies = CompanyStore(table, event_retention=_NO_EVENTS)
policy = Policy(settings.most_attempts, settings.first_delay, settings.longest_delay)
session_key = CachedSecret(secrets, login_settings.session_secret_arn, parse_session_key)
is_secure = not login_settings.is_local
sessions = SignedCookie("session", Session, session_key, _now, is_secure=is_secure)
login = Login(
    IdentityProvider(
        http, login_settings.issuer, CachedSecret(secrets, login_settings.login_secret_id, parse_login_client)
    ),
    SignedCookie("login", LoginAttempt, session_key, _now, is_secure=is_secure),
    sessions,
    login_settings.access.roles_claims,
    _now,
)
reading = Reading(
    browsing=Browsing(Listing(table)),
    details=Details(table, companies),
    store=store,
    companies=companies,
    completeness=Completeness(table),
    rounds=RoundsStore(table),
    previewing=Previewing(Standings(store, SubmissionStore(table), companies), policy, _now),
    live=Live(Codat(connection), SyncQueue(sqs, settings.sync_queue_url), partial(is_known, table)),
    now=_now,
)
for_programs = api(reading, settings.access)
retry = RetryFunction(boto3.client("lambda", config=_RETRY_CONFIG), settings.retry_function_name)
letter_queues = [
    SetAside(sqs, "sync", url=settings.sync_dead_letter_queue_url, source_url=settings.sync_queue_url),
    SetAside(sqs, "retry", url=settings.retry_dead_letter_queue_url, source_url=settings.retry_queue_url),
]
if settings.publish_dead_letter_queue_url:
    # They came from the table's stream, which nobody can write to.
    letter_queues.append(SetAside(sqs, "publish", url=settings.publish_dead_letter_queue_url, source_url=None))
letters = DeadLetters(letter_queues, DroppedLetters(table))
for_people = Site(pages(reading, retry, letters), login, sessions, login_settings, _now)


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: Json, context: "LambdaContext") -> Json:
    """Answer a request of API Gateway's (payload 2.0)."""
    metrics.add_metric("HealthAsked", MetricUnit.Count, 1)
    connection.deadline = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - SECONDS_OF_A_CALL
    try:
        answer = _answer(event, context)
    finally:
        for status, number in connection.take_results().items():
            count("CodatCalls", "status", status, number)
    logger.info("answered", route=event["routeKey"], status=answer["statusCode"])
    return answer


def _answer(event: Json, context: "LambdaContext") -> Json:
    path = event["rawPath"].removeprefix(urlsplit(login_settings.public_url).path.rstrip("/"))
    if path.startswith(f"{PREFIX}/"):
        answer = for_programs.resolve(event | {"rawPath": path}, context)
    else:
        answer = for_people.resolve(event, context)
    return answer | {"headers": headers_for(answer["headers"])}
