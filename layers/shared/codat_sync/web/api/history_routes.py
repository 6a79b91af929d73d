"""JSON API routes for the sync list, totals and failure causes."""

from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from codat_sync.queries.sync_query import Sort
from codat_sync.web import csv_export
from codat_sync.web.api import presenters
from codat_sync.web.api.responses import PREFIX, documented_responses, json_response
from codat_sync.web.api.schemas import FailureCauses, SyncPage, Totals
from codat_sync.web.parameters import (
    Codes,
    CompanyId,
    Cursor,
    First,
    Format,
    Last,
    Limit,
    Order,
    Outcomes,
    Search,
    SortBy,
    company_or_none,
    history_query,
    period,
)
from codat_sync.web.read_service import ReadService


def add_history(app: APIGatewayHttpResolver, read_service: ReadService) -> None:
    """Add the routes for the sync list, totals and failure causes."""

    @app.get(f"{PREFIX}/syncs", summary="List syncs", responses=documented_responses(SyncPage, is_list=True))
    def syncs(  # noqa: PLR0913, PLR0917 - one per query parameter
        search: Search = None,
        company_id: CompanyId = None,
        first: First = None,
        last: Last = None,
        code: Codes = None,
        outcome: Outcomes = None,
        sort: SortBy = Sort.TIME,
        order: Order = "desc",
        limit: Limit = 25,
        cursor: Cursor = None,
        format: Format = "json",  # noqa: A002 - the parameter's name
    ) -> Response[Any]:
        """One table request if the first day fills the page, otherwise at least one per day; half a unit for 4 KB."""
        query = history_query(
            period(first, last, read_service.now),
            company_id=company_id,
            codes=code,
            outcomes=outcome,
            sort=sort,
            order=order,
            limit=limit,
        )
        if format == "csv":
            return csv_export.export_syncs(read_service.walk(query, search, cursor), query)
        return json_response(presenters.sync_page(read_service.search(query, search, cursor)))

    @app.get(
        f"{PREFIX}/totals", summary="Totals by day and outcome", responses=documented_responses(Totals, is_list=True)
    )
    def totals(
        first: First = None,
        last: Last = None,
        company_id: CompanyId = None,
        format: Format = "json",  # noqa: A002 - the parameter's name
    ) -> Response[Any]:
        """Costs a table request per day, plus one per megabyte (about 2,500 syncs) at 128 read units each."""
        company = company_or_none(company_id)
        found = read_service.sync_history.totals(period(first, last, read_service.now), company)
        return csv_export.export_totals(found) if format == "csv" else json_response(presenters.totals(found))

    @app.get(
        f"{PREFIX}/causes", summary="Failures by cause", responses=documented_responses(FailureCauses, is_list=True)
    )
    def causes(
        first: First = None,
        last: Last = None,
        company_id: CompanyId = None,
        format: Format = "json",  # noqa: A002 - the parameter's name
    ) -> Response[Any]:
        """Costs as much as the sync list, plus up to 200 failed syncs' documents (CSV: all), a read unit per 4 KB."""
        company = company_or_none(company_id)
        asked = period(first, last, read_service.now)
        found = read_service.find_causes(asked, company, is_whole=format == "csv")
        return csv_export.export_causes(found) if format == "csv" else json_response(presenters.causes(found))
