"""What the answers of Sync Health are made from."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from codat_sync.companies.company import Company
from codat_sync.companies.repository import CompanyStore
from codat_sync.queries.live_lookup import Live
from codat_sync.queries.sync_details import Details
from codat_sync.queries.sync_history import Browsing
from codat_sync.queries.sync_query import MOST_DAYS, HistoryPage, Listed, Period, Query
from codat_sync.reconciliation.completeness import CompanyCompleteness, Completeness, OverallCompleteness
from codat_sync.reconciliation.run_repository import RoundsStore
from codat_sync.retries.preview import Previewing
from codat_sync.syncs.repository import Store
from codat_sync.syncs.status_codes import Outcome
from codat_sync.web.parameters import identifier
from codat_sync.webhooks.endpoint import Endpoint


@dataclass(frozen=True, slots=True)
class CompanyFound:
    """A company with its latest sync and its last successful one, as far back as was looked.

    ``completeness`` is None while it was not compared with what Codat lists.
    """

    company: Company | None
    completeness: CompanyCompleteness | None
    latest: Listed | None
    last_successful: Listed | None
    is_cut: bool

    @property
    def is_known(self) -> bool:
        """Whether there is such a company: one without a sync is only known from Codat's list."""
        return bool(self.company or self.latest or self.completeness)


@dataclass(frozen=True, slots=True)
class CompletenessFound:
    """How complete the table is for all companies, and how the endpoint of the webhooks stands."""

    overall: OverallCompleteness
    endpoint: Endpoint


@dataclass(frozen=True)
class Reading:
    """All ways to read: the table's, and Codat live."""

    browsing: Browsing
    details: Details
    store: Store
    companies: CompanyStore
    completeness: Completeness
    rounds: RoundsStore
    previewing: Previewing
    live: Live
    now: Callable[[], datetime]

    def search(self, query: Query, search: str | None, cursor: str | None) -> HistoryPage:
        """Return a page of the history: of one sync if ``search`` is its id, of one company if it is that one's.

        Raises InvalidQueryError and UnprocessedError.
        """
        if not search or not search.strip():
            return self.browsing.history(query, cursor)
        wanted = identifier("search", search.strip())
        if found := self.details.load_listed([wanted]):
            return HistoryPage(found, None)
        if query.company_id not in {None, wanted}:
            return HistoryPage([], None)
        return self.browsing.history(replace(query, company_id=wanted), cursor)

    def company(self, company_id: str) -> CompanyFound:
        """Return what is known of a company, and of its syncs of the last three months. Raises UnprocessedError."""
        today = self.now().date()
        asked = Query(Period(today - timedelta(days=MOST_DAYS - 1), today), company_id)
        latest, _ = self.browsing.newest(asked, 1)
        successful, is_cut = self.browsing.newest(replace(asked, outcomes=frozenset({Outcome.SUCCEEDED})), 1)
        return CompanyFound(
            company=self.companies.load_head(company_id, []).company,
            completeness=self.completeness.company(company_id),
            latest=latest[0] if latest else None,
            last_successful=successful[0] if successful else None,
            is_cut=is_cut and not successful,
        )

    def how_complete(self) -> CompletenessFound:
        """Return how complete the table is, as reconcile has found it last."""
        return CompletenessFound(self.completeness.overall(), self.rounds.load_endpoint())
