"""Wire submissions to Codat, by submit and by retry."""

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from codat_sync.audit.repository import AuditRepository
from codat_sync.codat.client import CodatClient
from codat_sync.companies.tombstones import is_not_erased
from codat_sync.core.clock import utc_now
from codat_sync.polling.schedule import Schedule
from codat_sync.submissions.codat_writer import CodatWriter
from codat_sync.submissions.outcome_check import OutcomeCheck
from codat_sync.submissions.outcome_lookup import OutcomeLookup
from codat_sync.submissions.repository import SubmissionRepository
from codat_sync.submissions.resolution import ResolutionService
from codat_sync.submissions.service import SubmissionService
from codat_sync.syncs.repository import SyncRepository
from codat_sync.syncs.retry_repository import RetryRepository

if TYPE_CHECKING:
    from codat_sync.aws.dynamodb import Table
    from codat_sync.codat.http import CodatHttpClient
    from codat_sync.config import SubmitSettings


def build_submission_service(
    settings: "SubmitSettings", table: "Table", connection: "CodatHttpClient"
) -> SubmissionService:
    """Return the service that records expenses and sends them to Codat."""
    return SubmissionService(
        CodatWriter(connection),
        SubmissionRepository(table),
        SyncRepository(table, event_retention=settings.event_retention),
        RetryRepository(table),
        OutcomeLookup(CodatClient(connection)),
        Schedule(settings.poll_initial_delay),
        utc_now,
    )


def build_outcome_check(service: SubmissionService, table: "Table") -> OutcomeCheck:
    """Return the service that looks up the outcome of submissions in flight."""
    return OutcomeCheck(service, SubmissionRepository(table), partial(is_not_erased, table), utc_now)


def build_resolution_service(table: "Table") -> ResolutionService:
    """Return the service that records an operator's statement about a submission. Syncs are only read by it."""
    store = SyncRepository(table, event_retention=timedelta())
    retries = RetryRepository(table)
    audit, is_permitted = AuditRepository(table), partial(is_not_erased, table)
    return ResolutionService(SubmissionRepository(table), store, retries, audit, is_permitted, utc_now)
