"""Wire retries of failed transactions."""

from functools import partial
from typing import TYPE_CHECKING

from codat_sync.audit.repository import AuditRepository
from codat_sync.bootstrap.submissions import build_submission_service
from codat_sync.companies.repository import CompanyRepository
from codat_sync.companies.tombstones import is_not_erased
from codat_sync.core.clock import utc_now
from codat_sync.retries.command_service import RetryCommandService
from codat_sync.retries.planner import RetryPolicy
from codat_sync.retries.service import RetryService
from codat_sync.retries.transaction_history import TransactionHistories
from codat_sync.retries.work_decisions import WorkDecisionService
from codat_sync.submissions.repository import SubmissionRepository
from codat_sync.syncs.repository import SyncRepository
from codat_sync.syncs.retry_repository import RetryRepository

if TYPE_CHECKING:
    from codat_sync.aws.dynamodb import Table
    from codat_sync.codat.http import CodatHttpClient
    from codat_sync.config import RetrySettings


def build_work_decision_service(service: RetryCommandService) -> WorkDecisionService:
    """Return the service that records decisions about failed syncs."""
    return WorkDecisionService(service.store, service.retries, service.audit, service.is_not_erased, utc_now)


def build_retry_command_service(
    settings: "RetrySettings", table: "Table", connection: "CodatHttpClient"
) -> RetryCommandService:
    """Return the service that executes retry commands."""
    store = SyncRepository(table, event_retention=settings.event_retention)
    submissions = SubmissionRepository(table)
    companies = CompanyRepository(table, event_retention=settings.event_retention)
    histories = TransactionHistories(store, submissions, companies)
    policy = RetryPolicy(settings.max_attempts, settings.initial_delay, settings.max_delay)
    submission_service = build_submission_service(settings, table, connection)
    return RetryCommandService(
        RetryService(submission_service, submissions, histories, policy, utc_now),
        store,
        RetryRepository(table),
        histories,
        AuditRepository(table),
        partial(is_not_erased, table),
        utc_now,
    )
