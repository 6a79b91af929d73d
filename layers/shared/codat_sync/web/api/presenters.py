"""Convert domain objects to the JSON API's schemas."""

from codat_sync.queries.failed_syncs import FailureCauses as FoundCauses
from codat_sync.queries.failure_causes import FailureCause as FoundCause
from codat_sync.queries.item_search import ItemPage as FoundItems
from codat_sync.queries.sync_details import SyncDetails as FoundDetails
from codat_sync.queries.sync_query import HistoryPage, ListedSync
from codat_sync.queries.sync_query import Totals as FoundTotals
from codat_sync.retries.expense_card import ExpenseCard
from codat_sync.retries.preview import RetryPreview as FoundPreview
from codat_sync.syncs.items import Item as FoundItem
from codat_sync.syncs.status_codes import explain, status_code
from codat_sync.web.api.schemas import (
    Code,
    CompanyHealth,
    DayTotals,
    Expense,
    FailureCause,
    FailureCauses,
    InBooks,
    Item,
    ItemPage,
    PeriodTotals,
    Plan,
    PlannedTransaction,
    RetryPreview,
    Submission,
    SyncDetails,
    SyncPage,
    SyncSummary,
    Totals,
    Transaction,
    TransactionResult,
)
from codat_sync.web.read_service import CompanyOverview

# More causes than this mean that similar messages were not grouped.
MAX_CAUSES = 100
_MAX_EXAMPLE_LENGTH = 2000


def code(number: int) -> Code:
    """Describe a status code."""
    return Code.model_validate(status_code(number))


def meaning(found: FoundDetails) -> Code | None:
    """Describe the result of a sync: its status code, unless its items contradict it; None until it is fetched."""
    return Code.model_validate(explain(found.status.code, found.listed.outcome)) if found.status else None


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


def transaction(company_id: str, card: ExpenseCard) -> Transaction:
    """Convert a transaction with all its syncs and submissions."""
    history = card.planned.history
    return Transaction(
        company_id=company_id,
        transaction_id=history.transaction_id,
        in_books=InBooks.model_validate(card.in_books),
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
    example = each.example
    return FailureCause(
        cause_id=each.cause_id,
        text=each.text,
        code=each.code,
        failures=each.failures,
        syncs=len(each.syncs),
        companies=len(each.companies),
        today=each.today,
        since_yesterday=each.since_yesterday,
        is_new=found.is_new(each),
        example_company_id=example.company_id,
        example_sync_id=example.sync_id,
        example_transaction_id=example.transaction_id,
        example_message=example.message and example.message[:_MAX_EXAMPLE_LENGTH],
    )
