"""Wire submissions to Codat, by submit and by retry."""

from typing import TYPE_CHECKING

from codat_sync.codat.client import CodatClient
from codat_sync.core.clock import utc_now
from codat_sync.polling.schedule import Schedule
from codat_sync.submissions.codat_writer import CodatWriter
from codat_sync.submissions.outcome_lookup import OutcomeLookup
from codat_sync.submissions.repository import SubmissionRepository
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
