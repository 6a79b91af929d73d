"""Wire bulk retries: their run in retry, their plan and progress in health."""

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from codat_sync.bulk_retries.planning import BulkRetryPlanner
from codat_sync.bulk_retries.repository import BulkRetryRepository
from codat_sync.bulk_retries.selection import FailureSelection
from codat_sync.bulk_retries.service import BulkRetryService
from codat_sync.companies.repository import CompanyRepository
from codat_sync.companies.tombstones import is_not_erased
from codat_sync.core.clock import utc_now
from codat_sync.queries.sync_details import SyncReader
from codat_sync.queries.sync_history import SyncHistory
from codat_sync.queries.sync_index import SyncIndex

if TYPE_CHECKING:
    from codat_sync.aws.dynamodb import Table
    from codat_sync.retries.command_service import RetryCommandService
    from codat_sync.retries.preview import RetryPreviewService


def build_bulk_retry_service(table: "Table", commands: "RetryCommandService") -> BulkRetryService:
    """Return the service that runs bulk retries by retrying their syncs one at a time."""
    companies = CompanyRepository(table, event_retention=timedelta())  # Only read.
    selection = FailureSelection(SyncHistory(SyncIndex(table)), SyncReader(table, companies), commands.histories)
    repository = BulkRetryRepository(table)
    is_writable = partial(is_not_erased, table)
    submissions = commands.retry_service.submissions
    return BulkRetryService(
        *(repository, selection, commands.histories, submissions),
        *(commands.execute, commands.audit, is_writable, utc_now),
    )


def build_bulk_retry_planner(
    sync_history: SyncHistory, reader: SyncReader, previews: "RetryPreviewService"
) -> BulkRetryPlanner:
    """Return the planner of bulk retries. It plans as the preview of a sync's retry does."""
    selection = FailureSelection(sync_history, reader, previews.histories)
    return BulkRetryPlanner(selection, previews.histories, previews.policy, utc_now)
