"""Wire the pages and the JSON API of health."""

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import boto3

from codat_sync.audit.repository import AuditRepository
from codat_sync.auth.login_flow import LoginFlow
from codat_sync.auth.login_state import LoginState
from codat_sync.auth.oidc_client import OidcClient, parse_oidc_client_credentials
from codat_sync.auth.session import Session
from codat_sync.auth.signed_cookie import SignedCookie, parse_session_keys
from codat_sync.aws.secrets import CachedSecret
from codat_sync.bootstrap.bulk_retries import build_bulk_retry_planner
from codat_sync.bootstrap.dead_letters import build_dead_letters
from codat_sync.bulk_retries.repository import BulkRetryRepository
from codat_sync.codat.client import CodatClient
from codat_sync.companies.configuration_repository import ConfigurationRepository
from codat_sync.companies.repository import CompanyRepository
from codat_sync.companies.tombstones import is_not_erased
from codat_sync.core.clock import utc_now
from codat_sync.dead_letters.queue import DeadLetterQueueClient
from codat_sync.dead_letters.service import DeadLetterService
from codat_sync.messaging.queues import SyncQueue
from codat_sync.queries.audit_log import AuditLog
from codat_sync.queries.companies.company_reader import CompanyReader
from codat_sync.queries.configuration_history import ConfigurationHistory
from codat_sync.queries.live_lookup import LiveLookup
from codat_sync.queries.support_bundle import SupportBundles
from codat_sync.queries.sync_details import SyncReader
from codat_sync.queries.sync_history import SyncHistory
from codat_sync.queries.sync_index import SyncIndex
from codat_sync.queries.worklist import Worklist
from codat_sync.reconciliation.completeness import Completeness
from codat_sync.reconciliation.run_repository import ReconciliationRunRepository
from codat_sync.retries.planner import RetryPolicy
from codat_sync.retries.preview import RetryPreviewService
from codat_sync.retries.transaction_history import TransactionHistories
from codat_sync.search.repository import SearchRepository
from codat_sync.search.service import SearchService
from codat_sync.submissions.repository import SubmissionRepository
from codat_sync.submissions.unknown_outcome_repository import UnknownOutcomeRepository
from codat_sync.syncs.repository import SyncRepository
from codat_sync.syncs.retry_repository import RetryRepository
from codat_sync.web.read_service import ReadService

if TYPE_CHECKING:
    import httpx
    from botocore.config import Config
    from mypy_boto3_sqs import SQSClient

    from codat_sync.aws.dynamodb import Table
    from codat_sync.codat.http import CodatHttpClient
    from codat_sync.config import HealthSettings, LoginSettings

_NO_EVENTS = timedelta()  # Nothing that makes an event is written here.


def build_read_service(
    settings: "HealthSettings", table: "Table", connection: "CodatHttpClient", sqs: "SQSClient"
) -> ReadService:
    """Return the queries behind the pages and the JSON API."""
    store = SyncRepository(table, event_retention=_NO_EVENTS)
    companies = CompanyRepository(table, event_retention=_NO_EVENTS)
    policy = RetryPolicy(settings.max_attempts, settings.initial_delay, settings.max_delay)
    submissions = SubmissionRepository(table)
    histories = TransactionHistories(store, submissions, companies)
    audit, configurations = AuditRepository(table), ConfigurationRepository(table)
    sync_queue = SyncQueue(sqs, settings.sync_queue_url)
    sync_history, details = SyncHistory(SyncIndex(table)), SyncReader(table, companies)
    previews = RetryPreviewService(histories, RetryRepository(table), policy, utc_now)
    live = LiveLookup(CodatClient(connection), sync_queue, partial(is_not_erased, table), audit, utc_now)
    return ReadService(
        sync_history=sync_history,
        details=details,
        store=store,
        companies=companies,
        company_reader=CompanyReader(table),
        completeness=Completeness(table),
        run_repository=ReconciliationRunRepository(table),
        retry_previews=previews,
        bulk_retries=BulkRetryRepository(table),
        bulk_retry_planner=build_bulk_retry_planner(sync_history, details, previews),
        submissions=submissions,
        unknown_outcomes=UnknownOutcomeRepository(table),
        audit_log=AuditLog(audit),
        configurations=ConfigurationHistory(configurations, live),
        bundles=SupportBundles(store, submissions, configurations),
        worklist=Worklist(table),
        live=live,
        searches=SearchService(SearchRepository(table), companies, SyncReader(table, companies), settings.search_index),
        now=utc_now,
    )


def build_dead_letter_service(settings: "HealthSettings", table: "Table", sqs: "SQSClient") -> DeadLetterService:
    """Return the dead letters of all queues."""
    queues = [
        DeadLetterQueueClient(sqs, "sync", url=settings.sync_dead_letter_queue_url, source_url=settings.sync_queue_url),
        DeadLetterQueueClient(
            sqs, "retry", url=settings.retry_dead_letter_queue_url, source_url=settings.retry_queue_url
        ),
    ]
    if settings.publish_dead_letter_queue_url:
        # These come from the table's stream, to which no message can be redriven.
        queues.append(
            DeadLetterQueueClient(sqs, "publish", url=settings.publish_dead_letter_queue_url, source_url=None)
        )
    return build_dead_letters(table, queues)


def build_login(
    settings: "LoginSettings", http: "httpx.Client", config: "Config"
) -> tuple[LoginFlow, SignedCookie[Session]]:
    """Return the login flow, and the cookie that holds a user's session."""
    secrets = boto3.client("secretsmanager", config=config)
    session_keys = CachedSecret(secrets, settings.session_secret_arn, parse_session_keys)
    credentials = CachedSecret(secrets, settings.login_secret_id, parse_oidc_client_credentials)
    is_secure = not settings.is_local
    sessions = SignedCookie("session", Session, session_keys, utc_now, is_secure=is_secure)
    state = SignedCookie("login", LoginState, session_keys, utc_now, is_secure=is_secure)
    client = OidcClient(http, settings.issuer, credentials)
    return LoginFlow(client, state, sessions, settings.access.roles_claims, utc_now), sessions
