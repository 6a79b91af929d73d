"""Read operations behind Sync Health's pages and JSON API."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from codat_sync.audit.entry import AuditEntry
from codat_sync.bulk_retries.bulk_retry import BulkRetry, Progress, progress
from codat_sync.bulk_retries.planning import BulkRetryPlanner
from codat_sync.bulk_retries.repository import BulkRetryRepository
from codat_sync.companies.company import Company
from codat_sync.companies.names import CompanyNames, OfCompany
from codat_sync.companies.repository import CompanyRepository
from codat_sync.queries.audit_log import AuditLog, AuditPage, AuditQuery
from codat_sync.queries.companies.company_list import CompanyPage, CompanyQuery
from codat_sync.queries.companies.company_reader import AllCompanies, CompanyReader
from codat_sync.queries.configuration_history import ConfigurationHistory
from codat_sync.queries.enriched_rows import EnrichedRows
from codat_sync.queries.failures.failed_items import (
    FailedItem,
    FailedItemPage,
    FailedItemWalk,
    FailureQuery,
    find_failed_items,
)
from codat_sync.queries.failures.failed_syncs import FailureCauses, find_failure_causes
from codat_sync.queries.failures.failure_causes import FailureCause
from codat_sync.queries.failures.submitted_amounts import SubmittedAmounts
from codat_sync.queries.listing import KnownRows, Listing
from codat_sync.queries.live_lookup import LiveLookup
from codat_sync.queries.support_bundle import SupportBundles
from codat_sync.queries.sync_details import SyncReader
from codat_sync.queries.sync_history import SyncHistory
from codat_sync.queries.sync_query import MAX_DAYS, HistoryPage, HistoryQuery, ListedSync, Period, Sort, position_at
from codat_sync.queries.worklist import WorkItem, Worklist, WorkPage, WorkQuery
from codat_sync.reconciliation.completeness import CompanyCompleteness, Completeness, OverallCompleteness
from codat_sync.reconciliation.run_repository import ReconciliationRunRepository
from codat_sync.retries.expense_card import ExpenseCard, expense_card
from codat_sync.retries.preview import RetryPreviewService
from codat_sync.search.service import SearchService
from codat_sync.submissions.repository import SubmissionRepository
from codat_sync.submissions.unknown_outcome_repository import UnknownOutcomeRepository
from codat_sync.syncs.repository import SyncRepository
from codat_sync.syncs.status_codes import Outcome
from codat_sync.web.parameters import identifier
from codat_sync.webhooks.endpoint import Endpoint

_MOST_COUNTED = 100
# Maximum number of a cause's companies that get names: more take several requests.
MAX_AFFECTED = 1_000
# Rows of an export whose names, or whose records, are loaded together.
_NAMED_AT_ONCE = 500
_READ_AT_ONCE = 100

T = TypeVar("T", bound=OfCompany)


@dataclass(frozen=True, slots=True)
class CompanyOverview:
    """A company with its latest sync and its last successful one, within the period searched.

    ``completeness`` is None until the company has been compared with Codat's list.
    """

    company: Company | None
    completeness: CompanyCompleteness | None
    latest: ListedSync | None
    last_successful: ListedSync | None
    reached_to: datetime | None
    cursor: str | None
    period: Period

    @property
    def is_truncated(self) -> bool:
        """Whether there may be a successful sync before ``reached_to``, which ``cursor`` leads to."""
        return self.reached_to is not None

    @property
    def exists(self) -> bool:
        """Whether the company is known. One without syncs is known only from Codat's list."""
        return bool(self.company or self.latest or self.completeness)


@dataclass(frozen=True, slots=True)
class NewSyncs:
    """How many syncs are new, and how many of them failed; ``has_more`` if only the first of them were counted."""

    syncs: int
    failed: int
    has_more: bool


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
    company_reader: CompanyReader
    completeness: Completeness
    run_repository: ReconciliationRunRepository
    retry_previews: RetryPreviewService
    bulk_retries: BulkRetryRepository
    bulk_retry_planner: BulkRetryPlanner
    submissions: SubmissionRepository
    unknown_outcomes: UnknownOutcomeRepository
    worklist: Worklist
    audit_log: AuditLog
    configurations: ConfigurationHistory
    bundles: SupportBundles
    live: LiveLookup
    searches: SearchService
    now: Callable[[], datetime]

    def search(self, query: HistoryQuery, search: str | None, cursor: str | None) -> HistoryPage:
        """Return a page of syncs: a single one if ``search`` is its id, a company's if it is a company id.

        Raises InvalidQueryError and UnprocessedItemsError.
        """
        found = self._search(query, search)
        page = (
            self.sync_history.load_page(found, cursor) if isinstance(found, HistoryQuery) else HistoryPage(found, None)
        )
        return replace(page, rows=self.name_companies(page.rows))

    def count_after(self, query: HistoryQuery, position: str) -> NewSyncs:
        """Count the syncs that match and come after a position in the order of time, up to 100.

        Takes a request for each day since then. Raises InvalidQueryError.
        """
        found = self.sync_history.load_page(
            replace(query, sort=Sort.TIME, newest_first=False, limit=_MOST_COUNTED), position
        )
        failed = sum(row.outcome is Outcome.FAILED for row in found.rows)
        return NewSyncs(len(found.rows), failed, has_more=found.next_cursor is not None)

    def count_since(self, at: datetime) -> NewSyncs:
        """Count the syncs since a time, or in the last three months, up to 100."""
        today = self.now().date()
        first = max(at.date(), today - timedelta(days=MAX_DAYS - 1))
        return self.count_after(HistoryQuery(Period(first, today)), position_at(at))

    def walk(self, query: HistoryQuery, search: str | None, cursor: str | None) -> Listing[ListedSync]:
        """Return the same syncs as ``search`` to their end, in order of time. Raises the same."""
        found = self._search(query, search)
        listing: Listing[ListedSync] = (
            self.sync_history.walk(found, cursor) if isinstance(found, HistoryQuery) else KnownRows(found)
        )
        return EnrichedRows(listing, CompanyNames(self.companies).add_to, _NAMED_AT_ONCE)

    def walk_with_messages(self, query: HistoryQuery, search: str | None, cursor: str | None) -> Listing[ListedSync]:
        """Return the same syncs as ``walk``, the failed ones with Codat's messages, as far as the time allows.

        Costs a request more per 20 failed syncs, and up to 100 for those with very many items. Raises the same.
        """
        clock = self.sync_history.clock
        ends_at = clock() + self.sync_history.limits.whole_seconds
        listing = self.walk(query, search, cursor)
        return EnrichedRows(listing, self.details.add_messages, _READ_AT_ONCE, lambda: clock() < ends_at)

    def load_work(self, query: WorkQuery, cursor: str | None) -> WorkPage:
        """Return a page of the worklist with the names of companies. Raises InvalidQueryError."""
        page = self.worklist.load_page(query, cursor)
        return replace(page, items=_name_work_items(CompanyNames(self.companies), page.items))

    def walk_work(self, query: WorkQuery, cursor: str | None) -> Listing[WorkItem]:
        """Return the same items to their end. Raises InvalidQueryError."""
        names = CompanyNames(self.companies)
        return EnrichedRows(self.worklist.walk(query, cursor), partial(_name_work_items, names), _NAMED_AT_ONCE)

    def load_audit(self, query: AuditQuery, limit: int, cursor: str | None) -> AuditPage:
        """Return a page of the audit with the names of companies. Raises InvalidQueryError."""
        page = self.audit_log.load_page(query, limit, cursor)
        return replace(page, entries=self.name_companies(page.entries))

    def walk_audit(self, query: AuditQuery, cursor: str | None) -> Listing[AuditEntry]:
        """Return the same entries to their end. Raises InvalidQueryError."""
        return EnrichedRows(self.audit_log.walk(query, cursor), CompanyNames(self.companies).add_to, _NAMED_AT_ONCE)

    def load_audit_of_sync(self, sync_id: str, limit: int, cursor: str | None) -> AuditPage:
        """Return a page of the audit of a sync with its company's name. Raises InvalidQueryError."""
        page = self.audit_log.load_of_sync(sync_id, limit, cursor)
        return replace(page, entries=self.name_companies(page.entries))

    def list_companies(self, query: CompanyQuery, cursor: str | None) -> CompanyPage:
        """Return a page of companies. Raises InvalidQueryError."""
        return self.company_reader.load_page(query, cursor)

    def list_all_companies(self, query: CompanyQuery) -> AllCompanies:
        """Return all companies that match, as far as the time allows."""
        return self.company_reader.load_all(query)

    def name_companies(self, rows: Sequence[T]) -> list[T]:
        """Return ``rows`` with the names of their companies, in one request. Raises UnprocessedItemsError."""
        return CompanyNames(self.companies).add_to(rows)

    def _search(self, query: HistoryQuery, search: str | None) -> HistoryQuery | list[ListedSync]:
        """Return the query for the syncs that are searched for, or these."""
        if not search or not search.strip():
            return query
        wanted = identifier("search", search.strip())
        if found := self.details.load_listed([wanted]):
            return found
        return replace(query, company_id=wanted) if query.company_id in {None, wanted} else []

    def load_company_name(self, company_id: str | None) -> str | None:
        """Return a company's name; None if it is not known. Raises UnprocessedItemsError."""
        return self.companies.load_names([company_id]).get(company_id) if company_id else None

    def company(self, company_id: str) -> CompanyOverview:
        """Return a company and its syncs of the last three months. Raises UnprocessedItemsError."""
        today = self.now().date()
        asked = HistoryQuery(Period(today - timedelta(days=MAX_DAYS - 1), today), company_id, limit=1)
        company = self.companies.load_snapshot(company_id, []).company
        name = company.name if company else None
        latest = self.sync_history.load_page(asked, None).rows
        successful = self.sync_history.load_page(replace(asked, outcomes=frozenset({Outcome.SUCCEEDED})), None)
        return CompanyOverview(
            company=company,
            completeness=self.completeness.company(company_id),
            latest=replace(latest[0], company_name=name) if latest else None,
            last_successful=replace(successful.rows[0], company_name=name) if successful.rows else None,
            reached_to=None if successful.rows else successful.reached_to,
            cursor=successful.next_cursor,
            period=asked.period,
        )

    def find_causes(self, asked: HistoryQuery, *, is_whole: bool = False) -> FailureCauses:
        """Return the causes of the newest 200 matching failed syncs, or of all. Raises UnprocessedItemsError."""
        found = find_failure_causes(self.sync_history, self.details, asked, self.now().date(), is_whole=is_whole)
        examples = self.name_companies([cause.example for cause in found.causes])
        return replace(
            found,
            causes=[replace(cause, example=each) for cause, each in zip(found.causes, examples, strict=True)],
        )

    def find_failed_items(self, query: FailureQuery, cursor: str | None, *, may_see_expenses: bool) -> FailedItemPage:
        """Return a page of failed items across syncs, with amounts if these may be seen, at two requests more each.

        Raises InvalidQueryError and UnprocessedItemsError.
        """
        found = find_failed_items(self.sync_history, self.details, query, cursor)
        items = self.name_companies(found.items)
        return replace(found, items=SubmittedAmounts(self.submissions).add_to(items) if may_see_expenses else items)

    def walk_failed_items(
        self, query: FailureQuery, cursor: str | None, *, may_see_expenses: bool
    ) -> Listing[FailedItem]:
        """Return the same items to their end, as far as the time allows. Raises the same."""
        clock, seconds = self.sync_history.clock, self.sync_history.limits.whole_seconds
        ends_at = clock() + seconds
        walk = FailedItemWalk(self.sync_history, self.details, query, cursor, seconds=seconds)
        named = EnrichedRows(walk, CompanyNames(self.companies).add_to, _NAMED_AT_ONCE)
        if not may_see_expenses:
            return named
        amounts = SubmittedAmounts(self.submissions)
        return EnrichedRows(named, amounts.add_to, _NAMED_AT_ONCE, lambda: clock() < ends_at)

    def find_cause(self, asked: HistoryQuery, cause_id: str) -> tuple[FailureCauses, FailureCause] | None:
        """Return a cause, and all causes of the matching failed syncs; None if it did not occur in them.

        The companies in which it occurred have their names. Raises UnprocessedItemsError.
        """
        today = self.now().date()
        found = find_failure_causes(self.sync_history, self.details, asked, today, is_whole=True)
        cause = found.get(cause_id)
        if cause is None:
            return None
        (example,) = self.name_companies([cause.example])
        named = self.name_companies(cause.affected[:MAX_AFFECTED])
        companies = cause.companies | {each.company_id: each for each in named}
        return found, replace(cause, example=example, companies=companies)

    def load_bulk_retry(self, bulk_retry_id: str) -> Progress | None:
        """Return the progress of a bulk retry; None if there is none. Raises UnprocessedItemsError."""
        found = self.bulk_retries.load(bulk_retry_id)
        return self._load_progress([found])[0] if found else None

    def load_latest_bulk_retries(self, most: int) -> Sequence[Progress]:
        """Return the newest bulk retries. Raises UnprocessedItemsError."""
        return self._load_progress(self.bulk_retries.load_latest(most))

    def _load_progress(self, found: Sequence[BulkRetry]) -> list[Progress]:
        return self.name_companies(
            [progress(each, self.bulk_retries.load_entries(each.bulk_retry_id)) for each in found]
        )

    def load_expense(self, company_id: str, transaction_id: str, *, may_see_expenses: bool) -> ExpenseCard:
        """Return the card of a transaction, which may be unknown. Raises UnprocessedItemsError."""
        planned = self.retry_previews.plan_transaction(company_id, transaction_id)
        return expense_card(planned, self.now(), may_see_expenses=may_see_expenses)

    def load_work_item(self, sync_id: str) -> WorkItem | None:
        """Return a failed sync's work item; for a retry, that of the first sync. None if there is none."""
        found = self.details.load(sync_id)
        return self.worklist.load(found.retry_of or sync_id) if found else None

    def load_completeness(self) -> CompletenessOverview:
        """Return the completeness and endpoint state found by the last reconciliation run."""
        return CompletenessOverview(self.completeness.overall(), self.run_repository.load_endpoint())


def _name_work_items(names: CompanyNames, items: Sequence[WorkItem]) -> list[WorkItem]:
    listed = names.add_to([each.listed for each in items])
    return [replace(item, listed=each) for item, each in zip(items, listed, strict=True)]
