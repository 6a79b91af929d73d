"""Pages that list or summarise syncs: dashboard, sync list, failure causes."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from codat_sync.queries.failed_syncs import find_failure_causes
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

PageFormat = Annotated[Literal["html", "csv"], Query(description="csv returns up to 5,000 rows and ignores `limit`")]
Columns = Annotated[list[str] | None, Query(alias="column", description="Columns to show")]


def add_history_pages(app: APIGatewayHttpResolver, read_service: ReadService) -> None:
    """Add the dashboard, the sync list and the failure causes page."""

    @app.get("/")
    @takes(partial(asked_period, read_service.now))
    def dashboard(asked: Period) -> Response[Any]:
        failed = HistoryQuery(asked, outcomes=frozenset({Outcome.FAILED}))
        with ThreadPoolExecutor(4) as pool:  # The four queries are independent.
            totals = pool.submit(read_service.sync_history.totals, asked, None)
            causes = pool.submit(find_failure_causes, read_service.sync_history, read_service.details, asked, None)
            latest = pool.submit(read_service.sync_history.newest, failed, _LATEST)
            found = pool.submit(read_service.load_completeness)
        return page(
            app.context["request"],
            "dashboard.html",
            period=asked,
            offered=offered(asked, read_service.now().date()),
            totals=totals.result(),
            chart=chart(totals.result().days),
            causes=causes.result(),
            top_causes=presenters.causes(causes.result()).causes[:_TOP_CAUSES],
            latest=latest.result()[0],
            completeness=found.result().overall,
            endpoint=found.result().endpoint,
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
        query = replace(query, limit=csv_export.MAX_ROWS if format == "csv" else limit)
        found = read_service.search(query, search, cursor)
        if format == "csv":
            return csv_export.export_syncs(presenters.sync_page(found))
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
        found = presenters.causes(
            find_failure_causes(read_service.sync_history, read_service.details, query.period, query.company_id)
        )
        if format == "csv":
            return csv_export.export_causes(found)
        today = read_service.now().date()
        return page(
            app.context["request"],
            "causes.html",
            period=query.period,
            offered=offered(query.period, today),
            found=found,
            company_id=query.company_id,
        )
