"""Pages that list or summarise syncs: dashboard, sync list, failure causes."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from codat_sync.queries.sync_query import HistoryQuery, Period
from codat_sync.syncs.status_codes import Outcome
from codat_sync.web import csv_export
from codat_sync.web.api import presenters
from codat_sync.web.pages.components.chart import chart
from codat_sync.web.pages.components.columns import COLUMNS, chosen_columns
from codat_sync.web.pages.components.periods import offered
from codat_sync.web.pages.rendering import page
from codat_sync.web.parameters import Cursor, Rows, Search, asked_history, asked_period, asked_syncs, takes
from codat_sync.web.read_service import ReadService

_LATEST = 8
_TOP_CAUSES = 6
_MAX_UNKNOWN = 100  # counted

PageFormat = Annotated[Literal["html", "csv"], Query(description="csv continues to the end and ignores `limit`")]
Columns = Annotated[list[str] | None, Query(alias="column", description="Columns to show")]


def add_history_pages(app: APIGatewayHttpResolver, read_service: ReadService) -> None:
    """Add the dashboard, the sync list and the failure causes page."""

    @app.get("/")
    @takes(partial(asked_period, read_service.now))
    def dashboard(asked: Period) -> Response[Any]:
        failed = HistoryQuery(asked, outcomes=frozenset({Outcome.FAILED}), limit=_LATEST)
        with ThreadPoolExecutor(5) as pool:  # The five queries are independent.
            totals = pool.submit(read_service.sync_history.totals, asked, None)
            causes = pool.submit(read_service.find_causes, HistoryQuery(asked))
            latest = pool.submit(read_service.sync_history.load_page, failed, None)
            found = pool.submit(read_service.load_completeness)
            unknown = pool.submit(read_service.unknown_outcomes.load, None, _MAX_UNKNOWN)
        return page(
            app.context["request"],
            "dashboard.html",
            period=asked,
            offered=offered(asked, read_service.now().date()),
            totals=totals.result(),
            chart=chart(totals.result().days),
            causes=presenters.causes(causes.result()),
            most_causes=_TOP_CAUSES,
            latest=latest.result(),
            completeness=found.result().overall,
            endpoint=found.result().endpoint,
            unknown_outcomes=len(unknown.result()[0]),
            has_more_unknown=unknown.result()[1] is not None,
        )

    @app.get("/syncs")
    @takes(partial(asked_history, read_service.now))
    def history(  # noqa: PLR0913, PLR0917 - one per query parameter
        query: HistoryQuery,
        search: Search = None,
        limit: Rows = 25,
        cursor: Cursor = None,
        column: Columns = None,
        format: PageFormat = "html",  # noqa: A002 - the parameter's name
    ) -> Response[Any]:
        query = replace(query, limit=limit)
        if format == "csv":
            return csv_export.export_syncs(read_service.walk(query, search, cursor), query)
        found = read_service.search(query, search, cursor)
        return page(
            app.context["request"],
            "history.html",
            query=query,
            search=(search or "").strip(),
            found=found,
            columns=chosen_columns(column),
            all_columns=COLUMNS,
            is_first=cursor is None,
        )

    @app.get("/causes")
    @takes(partial(asked_syncs, read_service.now))
    def causes(query: HistoryQuery, format: PageFormat = "html") -> Response[Any]:  # noqa: A002 - the same
        found = read_service.find_causes(query, is_whole=format == "csv")
        if format == "csv":
            return csv_export.export_causes(found)
        today = read_service.now().date()
        return page(
            app.context["request"],
            "causes.html",
            period=query.period,
            offered=offered(query.period, today),
            found=presenters.causes(found),
            company_id=query.company_id,
        )
