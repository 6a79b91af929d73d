"""The page of search results."""

from functools import partial
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from codat_sync.search.kinds import SearchKind
from codat_sync.search.service import MAX_RESULTS, SearchResult, SearchService
from codat_sync.web.pages.rendering import page, see_other
from codat_sync.web.pages.request import PageRequest


def add_search_pages(app: APIGatewayHttpResolver, searches: SearchService) -> None:
    """Add the search, whose box is on every page."""

    @app.get("/search")
    def search() -> Response[Any]:
        request: PageRequest = app.context["request"]
        text = next(iter(request.values("q")), "")
        found = searches.search(text, may_see_expenses=request.visitor.may_see_expenses)
        if found.only_subject:
            return see_other(_link(request, found.only_subject))
        return page(request, "search.html", found=found, link=partial(_link, request), most=MAX_RESULTS)


def _link(request: PageRequest, found: SearchResult) -> str:
    """Return the link to what was found: a sync, a company, or else a transaction."""
    match found.kind:
        case SearchKind.SYNC:
            return request.to("syncs", found.subject_id)
        case SearchKind.COMPANY:
            return request.to("company", found.company_id)
    return request.to("company", found.company_id, "transactions", found.subject_id)
