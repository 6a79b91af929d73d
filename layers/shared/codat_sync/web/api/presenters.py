"""Convert domain objects to the JSON API's schemas."""

from collections.abc import Mapping
from typing import Any

from codat_sync.audit.entry import shorten
from codat_sync.bulk_retries.bulk_retry import Progress
from codat_sync.bulk_retries.planning import BulkPlan
from codat_sync.core.timestamps import parse_timestamp
from codat_sync.queries.companies.company_list import CompanyPage as FoundCompanies
from codat_sync.queries.companies.company_list import ListedCompany
from codat_sync.queries.failures.failed_items import FailedItem as FoundFailure
from codat_sync.queries.failures.failed_items import FailedItemPage as FoundFailures
from codat_sync.queries.failures.failed_syncs import FailureCauses as FoundCauses
from codat_sync.queries.failures.failure_causes import FailureCause as FoundCause
from codat_sync.queries.item_search import ItemPage as FoundItems
from codat_sync.queries.support_bundle import SupportBundle as FoundBundle
from codat_sync.queries.sync_details import SyncDetails as FoundDetails
from codat_sync.queries.sync_query import HistoryPage, ListedSync
from codat_sync.queries.sync_query import Totals as FoundTotals
from codat_sync.queries.worklist import WorkCount as FoundWorkCount
from codat_sync.queries.worklist import WorkItem as FoundWorkItem
from codat_sync.queries.worklist import WorkPage as FoundWorkPage
from codat_sync.retries.expense_card import ExpenseCard
from codat_sync.retries.explanation import explain_failure
from codat_sync.retries.preview import RetryPreview as FoundPreview
from codat_sync.syncs.items import Item as FoundItem
from codat_sync.syncs.status_codes import explain, status_code
from codat_sync.syncs.work_category import WorkCategory
from codat_sync.web.api.schemas import (
    AffectedCompany,
    BooksStatus,
    BulkRetry,
    BulkRetryPlan,
    BundledCheck,
    BundledRetry,
    BundledSubmission,
    BundledSync,
    CauseDetails,
    Code,
    CompanyHealth,
    CompanyPage,
    CompanySummary,
    ConfigurationAtFailure,
    DayTotals,
    Event,
    Expense,
    ExportedItem,
    FailedItem,
    FailedItems,
    FailureCause,
    FailureCauses,
    FailureFilter,
    Item,
    ItemPage,
    LeftOut,
    LogReferences,
    PeriodTotals,
    Plan,
    PlannedTransaction,
    RetryPreview,
    Submission,
    SupportBundle,
    SyncDetails,
    SyncPage,
    SyncSummary,
    Totals,
    Transaction,
    TransactionResult,
    WorkCount,
    WorkCounts,
    WorkItem,
    WorkItems,
    WorkRow,
)
from codat_sync.web.read_service import MAX_AFFECTED, CompanyOverview

# More causes than this mean that similar messages were not grouped.
MAX_CAUSES = 100
_MAX_EXAMPLE_LENGTH = 2000
_MAX_BUNDLED_MESSAGE = 4000
_ABOUT_BUNDLE = (
    "For Codat's support. All times are UTC. It has no secrets, and nothing of what was submitted: neither bodies, nor"
    " amounts and merchants. Messages are Codat's own, and may quote data that was sent to Codat."
)


def code(number: int) -> Code:
    """Describe a status code."""
    return Code.model_validate(status_code(number))


def meaning(found: FoundDetails) -> Code | None:
    """Describe the result of a sync: its status code, unless its items contradict it; None until it is fetched.

    Who has to act, the next step and the note for the customer follow from its retry.
    """
    if found.status is None:
        return None
    steps = found.retry.steps if found.retry else {}
    by_code = explain(found.status.code, found.listed.outcome)
    return Code.model_validate(explain_failure(by_code, found.listed.category, steps))


def summary(row: ListedSync) -> SyncSummary:
    """Convert a listed sync."""
    return SyncSummary.model_validate(row)


def sync_page(page: HistoryPage) -> SyncPage:
    """Convert a page of syncs."""
    return SyncPage(
        syncs=list(map(summary, page.rows)),
        next_cursor=page.next_cursor,
        is_truncated=page.is_truncated,
        reached_to=page.reached_to,
    )


def totals(found: FoundTotals) -> Totals:
    """Convert the totals of a period."""
    return Totals(
        days=list(map(DayTotals.model_validate, found.days)),
        total=PeriodTotals.model_validate(found.total),
        is_truncated=found.is_truncated,
    )


def details(found: FoundDetails) -> SyncDetails:
    """Convert the details of a sync."""
    fields = {name: getattr(found, name) for name in SyncDetails.model_fields if hasattr(found, name)}
    return SyncDetails.model_validate({**fields, "listed": found.listed, "meaning": meaning(found)})


def items(page: FoundItems) -> ItemPage:
    """Convert a page of a sync's transactions."""
    return ItemPage(
        transactions=list(map(item, page.items)),
        next_cursor=page.next_cursor,
        is_truncated=page.is_truncated,
        reached_to=page.reached,
    )


def item(found: FoundItem) -> Item:
    """Convert a transaction within a sync."""
    return Item.model_validate(found)


def work_item(found: FoundWorkItem) -> WorkItem:
    """Convert a failed sync of the worklist."""
    listed = found.listed
    meaning = None if listed.code is None else explain(listed.code, listed.outcome)
    described = meaning and Code.model_validate(explain_failure(meaning, listed.category, found.retry.steps))
    return WorkItem.model_validate(found).model_copy(update={"meaning": described})


def work_row(found: FoundWorkItem) -> WorkRow:
    """Convert a failed sync of the worklist to a row of a table, with the newest decision about it."""
    item = work_item(found)
    last = item.decisions[-1] if item.decisions else None
    return WorkRow(
        category=item.sync.category,
        sync_id=item.sync.sync_id,
        company_id=item.sync.company_id,
        company_name=item.sync.company_name,
        at=item.sync.at,
        code=item.sync.code,
        meaning=item.meaning and item.meaning.meaning,
        open_transactions=item.open_transactions,
        action_owner=item.meaning and item.meaning.action_owner,
        next_step=item.meaning and item.meaning.next_step,
        customer_note=item.meaning and item.meaning.customer_note,
        steps=", ".join(f"{step}: {count}" for step, count in item.steps.items()),
        due_at=item.due_at,
        decision=last and last.kind,
        decided_by=last and last.by,
        decided_at=last and last.at,
        reason=last and last.reason,
    )


def work_items(page: FoundWorkPage) -> WorkItems:
    """Convert a page of the worklist."""
    items = list(map(work_item, page.items))
    return WorkItems(items=items, next_cursor=page.next_cursor, is_truncated=page.is_truncated)


def work_counts(found: Mapping[WorkCategory, FoundWorkCount]) -> WorkCounts:
    """Convert the counts of the worklist."""
    return WorkCounts(
        counts=[
            WorkCount(category=category, number=each.number, has_more=each.has_more) for category, each in found.items()
        ]
    )


def exported_item(sync: ListedSync, found: FoundItem) -> ExportedItem:
    """Convert a transaction for a file that does not say otherwise which sync it is of."""
    return ExportedItem(
        **item(found).model_dump(),
        company_id=sync.company_id,
        company_name=sync.company_name,
        sync_id=sync.sync_id,
        at=parse_timestamp(sync.at),
    )


def company_page(found: FoundCompanies) -> CompanyPage:
    """Convert a page of companies."""
    return CompanyPage(
        companies=list(map(listed_company, found.rows)),
        total=found.total,
        next_cursor=found.next_cursor,
        is_truncated=found.is_truncated,
        is_failure_count_truncated=found.is_failure_count_truncated,
    )


def listed_company(found: ListedCompany) -> CompanySummary:
    """Convert a company in a list."""
    company, completeness = found.company, found.completeness
    return CompanySummary(
        company_id=company.company_id,
        company_name=company.name,
        source_platform=company.source_platform,
        target_platform=company.target_platform,
        connection=company.connection_state,
        connection_status=company.connection_status,
        last_sync_at=found.last_sync_at,
        last_sync_id=found.last_sync_id,
        last_outcome=found.last_outcome,
        open_failures=found.open_failures,
        complete_as_of=found.complete_as_of,
        compared_at=completeness.compared_at if completeness else None,
        is_incomplete=completeness is not None and completeness.is_incomplete,
        problem=completeness.problem if completeness else None,
    )


def transaction(company_id: str, company_name: str | None, card: ExpenseCard) -> Transaction:
    """Convert a transaction with all its syncs and submissions."""
    history = card.planned.history
    return Transaction(
        company_id=company_id,
        company_name=company_name,
        transaction_id=history.transaction_id,
        in_books=BooksStatus.model_validate(card.in_books),
        plan=Plan.model_validate(card.planned.plan),
        retry_sync_id=card.planned.retry_sync_id,
        expense_state=card.state,
        expense=card.expense and Expense.model_validate(card.expense),
        syncs=list(map(TransactionResult.model_validate, history.syncs)),
        submissions=[Submission.model_validate(submission) for submission, _ in history.submissions],
    )


def preview(found: FoundPreview) -> RetryPreview:
    """Convert a retry preview."""
    planned = [
        PlannedTransaction(transaction_id=each.history.transaction_id, plan=Plan.model_validate(each.plan))
        for each in found.planned
    ]
    return RetryPreview(
        failed=found.failed,
        retriable=found.retriable,
        is_retriable=found.is_retriable,
        steps=dict(found.steps),
        transactions=planned,
        is_truncated=found.is_truncated,
    )


def company_health(found: CompanyOverview) -> CompanyHealth:
    """Convert a company with its latest and last successful sync."""
    return CompanyHealth.model_validate(found)


def causes(found: FoundCauses) -> FailureCauses:
    """Convert failure causes, most frequent first."""
    listed = [cause(found, each) for each in found.causes[:MAX_CAUSES]]
    omitted = len(found.causes) - len(listed)
    return FailureCauses(
        causes=listed,
        syncs=found.syncs,
        partial_syncs=found.partial_syncs,
        other_failures=found.other_failures,
        omitted_causes=omitted,
        reached_to=found.reached_to,
        is_truncated=found.is_truncated or omitted > 0,
    )


def cause(found: FoundCauses, each: FoundCause) -> FailureCause:
    """Convert one of the causes found."""
    return FailureCause(**_cause(found, each))


def cause_details(found: FoundCauses, each: FoundCause) -> CauseDetails:
    """Convert one of the causes found, with the companies in which it occurred."""
    affected = [
        AffectedCompany(
            company_id=one.company_id,
            company_name=one.company_name,
            failures=one.failures,
            syncs=len(one.syncs),
            last_at=one.last_at,
        )
        for one in each.affected[:MAX_AFFECTED]
    ]
    return CauseDetails(
        **_cause(found, each),
        affected=affected,
        other_failures=found.other_failures,
        partial_syncs=found.partial_syncs,
        reached_to=found.reached_to,
        is_truncated=found.is_truncated or len(affected) < len(each.companies),
    )


def failed_items(found: FoundFailures) -> FailedItems:
    """Convert a page of failed items."""
    return FailedItems(
        items=list(map(failed_item, found.items)),
        next_cursor=found.next_cursor,
        is_truncated=found.is_truncated,
        reached_to=found.reached_to,
    )


def failed_item(found: FoundFailure) -> FailedItem:
    """Convert a failed item."""
    sync, item = found.sync, found.item
    return FailedItem(
        company_id=sync.company_id,
        company_name=found.company_name,
        sync_id=sync.sync_id,
        at=sync.at,
        code=sync.code,
        transaction_id=found.transaction_id,
        integration_type=item and item.integration_type,
        status=item and item.status,
        message=found.message,
        cause_id=found.cause_id,
        merchant=found.expense and found.expense.merchant,
        amount=found.amount,
        currency=found.expense and found.expense.currency,
    )


def _cause(found: FoundCauses, each: FoundCause) -> dict[str, Any]:
    example = each.example
    return {
        "cause_id": each.cause_id,
        "text": each.text,
        "code": each.code,
        "failures": each.failures,
        "syncs": len(each.syncs),
        "companies": len(each.companies),
        "today": each.today,
        "since_yesterday": each.since_yesterday,
        "is_new": found.is_new(each),
        "example_company_id": example.company_id,
        "example_company_name": example.company_name,
        "example_sync_id": example.sync_id,
        "example_transaction_id": example.transaction_id,
        "example_message": example.message and example.message[:_MAX_EXAMPLE_LENGTH],
    }


def bulk_retry_plan(found: BulkPlan) -> BulkRetryPlan:
    """Convert the plan of a bulk retry."""
    return BulkRetryPlan(
        syncs=found.syncs,
        transactions=found.transactions,
        resubmitted=found.resubmitted,
        left_out=list(map(LeftOut.model_validate, found.left_out.values())),
        reached_to=found.reached_to,
        is_truncated=found.is_truncated,
    )


def bulk_retry(found: Progress) -> BulkRetry:
    """Convert a bulk retry and its progress."""
    asked = found.bulk_retry
    chosen = asked.filter
    return BulkRetry(
        bulk_retry_id=asked.bulk_retry_id,
        state=found.state,
        filter=FailureFilter(
            first=chosen.first,
            last=chosen.last,
            company_id=chosen.company_id,
            company_name=found.company_name,
            codes=sorted(chosen.codes),
            cause_id=chosen.cause_id,
        ),
        requested_by=asked.requested_by,
        requested_at=asked.requested_at,
        stopped_by=asked.stopped_by,
        stopped_at=asked.stopped_at,
        is_selected=asked.is_selected,
        is_truncated=asked.is_truncated,
        syncs=found.syncs,
        syncs_by_state=dict(found.states),
        resubmitted=found.resubmitted,
        steps=dict(found.steps),
    )


def support_bundle(found: FoundBundle) -> SupportBundle:
    """Convert a support bundle. Long messages are cut, so that it stays below 1 MB."""
    known = found.details
    status = known.status
    sync = BundledSync(
        sync_id=known.listed.sync_id,
        company_id=known.listed.company_id,
        company_name=known.listed.company_name,
        outcome=known.listed.outcome,
        code=known.listed.code,
        status=status and status.status,
        error_message=_cut(status.error_message) if status else None,
        exception_message=_cut(status.exception_message) if status else None,
        synced_at=known.listed.synced_at,
        first_seen_at=known.listed.first_seen_at,
        committed_at=known.committed_at,
        data_pushed=status and status.data_pushed,
        retry_of=known.retry_of,
        counts=dict(known.counts),
    )
    return SupportBundle(
        about=_ABOUT_BUNDLE,
        generated_at=found.generated_at,
        sync=sync,
        check=known.pending_check and BundledCheck.model_validate(known.pending_check),
        retry=known.retry and BundledRetry.model_validate(known.retry),
        items=[item(each).model_copy(update={"message": _cut(each.message)}) for each in found.items],
        has_more_items=found.has_more_items,
        events=list(map(Event.model_validate, found.events)),
        has_more_events=found.has_more_events,
        submissions=list(map(BundledSubmission.model_validate, found.submissions)),
        has_more_submissions=found.has_more_submissions,
        at_failure=found.then and ConfigurationAtFailure.model_validate(found.then),
        logs=LogReferences.model_validate(found.logs),
    )


def _cut(message: str | None) -> str | None:
    return message and shorten(message, _MAX_BUNDLED_MESSAGE)
