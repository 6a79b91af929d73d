"""JSON API routes for the sync list and totals."""

from dataclasses import replace
from functools import partial
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from codat_sync.queries.sync_query import HistoryQuery
from codat_sync.web import csv_export
from codat_sync.web.api import presenters
from codat_sync.web.api.responses import PREFIX, Tag, documented_responses, json_response
from codat_sync.web.api.schemas import SyncPage, Totals
from codat_sync.web.parameters import Cursor, Format, Limit, Search, asked_history, asked_syncs, takes
from codat_sync.web.read_service import ReadService


def add_history(app: APIGatewayHttpResolver, read_service: ReadService) -> None:
    """Add the routes for the sync list and totals."""

    @app.get(
        f"{PREFIX}/syncs",
        operation_id="listSyncs",
        tags=[Tag.SYNCS],
        summary="List syncs",
        responses=documented_responses(SyncPage, is_list=True),
    )
    @takes(partial(asked_history, read_service.now))
    def syncs(
        query: HistoryQuery,
        search: Search = None,
        limit: Limit = 25,
        cursor: Cursor = None,
        format: Format = "json",  # noqa: A002 - the parameter's name
    ) -> Response[Any]:
        """Two table requests if the first day fills the page, otherwise at least one per day; half a unit for 4 KB."""
        query = replace(query, limit=limit)
        if format == "csv":
            return csv_export.export_syncs(read_service.walk(query, search, cursor), query)
        return json_response(presenters.sync_page(read_service.search(query, search, cursor)))

    @app.get(
        f"{PREFIX}/totals",
        operation_id="getTotals",
        tags=[Tag.SYNCS],
        summary="Get totals by day and outcome",
        responses=documented_responses(Totals, is_list=True),
    )
    @takes(partial(asked_syncs, read_service.now))
    def totals(query: HistoryQuery, format: Format = "json") -> Response[Any]:  # noqa: A002 - the parameter's name
        """Costs a table request per day, plus one per megabyte (about 2,500 syncs) at 128 read units each."""
        found = read_service.sync_history.totals(query.period, query.company_id)
        return csv_export.export_totals(found) if format == "csv" else json_response(presenters.totals(found))
