"""Read operations behind Sync Health's pages and JSON API."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from codat_sync.companies.company import Company
from codat_sync.companies.repository import CompanyRepository
from codat_sync.queries.live_lookup import LiveLookup
from codat_sync.queries.sync_details import SyncReader
from codat_sync.queries.sync_history import SyncHistory
from codat_sync.queries.sync_query import MAX_DAYS, HistoryPage, HistoryQuery, ListedSync, Period
from codat_sync.reconciliation.completeness import CompanyCompleteness, Completeness, OverallCompleteness
from codat_sync.reconciliation.run_repository import ReconciliationRunRepository
from codat_sync.retries.preview import RetryPreviewService
from codat_sync.syncs.repository import SyncRepository
from codat_sync.syncs.status_codes import Outcome
from codat_sync.web.parameters import identifier
from codat_sync.webhooks.endpoint import Endpoint


@dataclass(frozen=True, slots=True)
class CompanyOverview:
    """A company with its latest sync and its last successful one, within the period searched.

    ``completeness`` is None until the company has been compared with Codat's list.
    """

    company: Company | None
    completeness: CompanyCompleteness | None
    latest: ListedSync | None
    last_successful: ListedSync | None
    is_truncated: bool

    @property
    def exists(self) -> bool:
        """Whether the company is known. One without syncs is known only from Codat's list."""
        return bool(self.company or self.latest or self.completeness)


@dataclass(frozen=True, slots=True)
class CompletenessOverview:
    """Completeness over all companies, and the state of the webhook endpoint."""

    overall: OverallCompleteness
    endpoint: Endpoint


@dataclass(frozen=True)
class ReadService:
    """Reads syncs, companies and completeness from the table, and live data from Codat."""

    sync_history: SyncHistory
    details: SyncReader
    store: SyncRepository
    companies: CompanyRepository
    completeness: Completeness
    run_repository: ReconciliationRunRepository
    retry_previews: RetryPreviewService
    live: LiveLookup
    now: Callable[[], datetime]

    def search(self, query: HistoryQuery, search: str | None, cursor: str | None) -> HistoryPage:
        """Return a page of syncs: a single one if ``search`` is its id, a company's if it is a company id.

        Raises InvalidQueryError and UnprocessedItemsError.
        """
        if not search or not search.strip():
            return self.sync_history.load_page(query, cursor)
        wanted = identifier("search", search.strip())
        if found := self.details.load_listed([wanted]):
            return HistoryPage(found, None)
        if query.company_id not in {None, wanted}:
            return HistoryPage([], None)
        return self.sync_history.load_page(replace(query, company_id=wanted), cursor)

    def company(self, company_id: str) -> CompanyOverview:
        """Return a company and its syncs of the last three months. Raises UnprocessedItemsError."""
        today = self.now().date()
        asked = HistoryQuery(Period(today - timedelta(days=MAX_DAYS - 1), today), company_id)
        latest, _ = self.sync_history.newest(asked, 1)
        successful, is_truncated = self.sync_history.newest(replace(asked, outcomes=frozenset({Outcome.SUCCEEDED})), 1)
        return CompanyOverview(
            company=self.companies.load_snapshot(company_id, []).company,
            completeness=self.completeness.company(company_id),
            latest=latest[0] if latest else None,
            last_successful=successful[0] if successful else None,
            is_truncated=is_truncated and not successful,
        )

    def load_completeness(self) -> CompletenessOverview:
        """Return the completeness and endpoint state found by the last reconciliation run."""
        return CompletenessOverview(self.completeness.overall(), self.run_repository.load_endpoint())
