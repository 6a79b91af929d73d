"""What is known, put into the shape in which it is answered."""

from codat_sync.queries.failed_syncs import Causes as FoundCauses
from codat_sync.queries.failure_causes import Cause as FoundCause
from codat_sync.queries.item_search import ItemPage as FoundItems
from codat_sync.queries.sync_details import SyncDetails as FoundDetails
from codat_sync.queries.sync_query import HistoryPage, Listed
from codat_sync.queries.sync_query import Totals as FoundTotals
from codat_sync.retries.preview import Planned
from codat_sync.retries.preview import Preview as FoundPreview
from codat_sync.syncs.status_codes import status_code
from codat_sync.web.api.schemas import (
    Cause,
    Causes,
    Code,
    CompanyHealth,
    DayTotals,
    Item,
    ItemPage,
    PeriodTotals,
    Plan,
    PlannedTransaction,
    Preview,
    Seen,
    Submission,
    SyncDetails,
    SyncPage,
    SyncSummary,
    Totals,
    Transaction,
)
from codat_sync.web.read_service import CompanyFound

# Each is of a problem of its own: who has more has one that this does not group.
_MOST_CAUSES = 100
_LONGEST_EXAMPLE = 2000


def code(number: int) -> Code:
    """Return what a status code means."""
    return Code.model_validate(status_code(number))


def summary(row: Listed) -> SyncSummary:
    """Return a sync as lists show it."""
    return SyncSummary.model_validate(row)


def sync_page(page: HistoryPage) -> SyncPage:
    """Return a page of the history."""
    return SyncPage(syncs=list(map(summary, page.rows)), next_cursor=page.next_cursor, is_cut=page.is_cut)


def totals(found: FoundTotals) -> Totals:
    """Return the totals of a period."""
    return Totals(
        days=list(map(DayTotals.model_validate, found.days)),
        total=PeriodTotals.model_validate(found.total),
        is_cut=found.is_cut,
    )


def details(found: FoundDetails) -> SyncDetails:
    """Return all that is known of a sync."""
    meaning = code(found.status.code) if found.status else None
    fields = {name: getattr(found, name) for name in SyncDetails.model_fields if hasattr(found, name)}
    return SyncDetails.model_validate({**fields, "listed": found.listed, "meaning": meaning})


def items(page: FoundItems) -> ItemPage:
    """Return a page of a sync's transactions."""
    return ItemPage(transactions=list(map(Item.model_validate, page.items)), next_cursor=page.next_cursor)


def transaction(company_id: str, planned: Planned) -> Transaction:
    """Return a transaction over all its syncs."""
    standing = planned.standing
    return Transaction(
        company_id=company_id,
        transaction_id=standing.transaction_id,
        plan=Plan.model_validate(planned.plan),
        syncs=list(map(Seen.model_validate, standing.syncs)),
        submissions=[Submission.model_validate(submission) for submission, _ in standing.submissions],
    )


def preview(found: FoundPreview) -> Preview:
    """Return what a retry would do."""
    planned = [
        PlannedTransaction(transaction_id=each.standing.transaction_id, plan=Plan.model_validate(each.plan))
        for each in found.planned
    ]
    return Preview(failed=found.failed, is_retriable=found.is_retriable, transactions=planned)


def company_health(found: CompanyFound) -> CompanyHealth:
    """Return a company with its latest sync and its last successful one."""
    return CompanyHealth.model_validate(found)


def causes(found: FoundCauses) -> Causes:
    """Return why syncs failed, what explains most first."""
    listed = [_cause(each) for each in found.causes[:_MOST_CAUSES]]
    return Causes(causes=listed, syncs=found.syncs, is_cut=found.is_cut or len(found.causes) > _MOST_CAUSES)


def _cause(found: FoundCause) -> Cause:
    example = found.example
    return Cause(
        text=found.text,
        code=found.code,
        failures=found.failures,
        syncs=len(found.syncs),
        companies=len(found.companies),
        example_company_id=example.company_id,
        example_sync_id=example.sync_id,
        example_transaction_id=example.transaction_id,
        example_message=example.message and example.message[:_LONGEST_EXAMPLE],
    )
