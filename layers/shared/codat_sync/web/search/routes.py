"""JSON API route of the search."""

from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from codat_sync.auth.roles import AccessPolicy, Role
from codat_sync.search.kinds import SearchKind
from codat_sync.search.service import SearchResult as FoundResult
from codat_sync.search.service import SearchResults as FoundResults
from codat_sync.search.service import SearchService
from codat_sync.web.api.responses import PREFIX, Tag, documented_responses, json_response
from codat_sync.web.api.schemas import FoundExpense, SearchGroup, SearchResult, SearchResults, SyncSummary
from codat_sync.web.parameters import SearchText


def add_search(app: APIGatewayHttpResolver, searches: SearchService, access: AccessPolicy) -> None:
    """Add the search."""

    @app.get(
        f"{PREFIX}/search",
        operation_id="search",
        tags=[Tag.SEARCH],
        summary="Search syncs, companies and transactions",
        responses=documented_responses(SearchResults),
    )
    def search(q: SearchText = "") -> Response[Any]:
        """Costs at most 20 table requests. Merchants, references and amounts require the role for expenses."""
        may_see_expenses = access.caller(app.current_event.raw_event).has_role(Role.EXPENSES)
        return json_response(_present(searches.search(q, may_see_expenses=may_see_expenses)))


def _present(found: FoundResults) -> SearchResults:
    return SearchResults(
        query=found.query.text,
        groups=[
            SearchGroup(
                kind=group.kind, results=[_present_result(each) for each in group.results], has_more=group.has_more
            )
            for group in found.groups
        ],
        hidden_kinds=list(found.hidden_kinds),
        unindexed_kinds=list(found.unindexed_kinds),
    )


def _present_result(found: FoundResult) -> SearchResult:
    is_transaction = found.kind not in {SearchKind.SYNC, SearchKind.COMPANY}
    return SearchResult(
        company_id=found.company_id,
        company_name=found.company_name,
        sync_id=found.subject_id if found.kind is SearchKind.SYNC else None,
        transaction_id=found.subject_id if is_transaction else None,
        is_exact=found.is_exact,
        sync=SyncSummary.model_validate(found.sync) if found.sync else None,
        expense=FoundExpense.model_validate(found.expense) if found.expense else None,
    )
