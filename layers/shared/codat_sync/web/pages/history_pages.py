"""Pages that list or summarise syncs: dashboard and sync list."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.shared.cookies import Cookie

from codat_sync.core.identifiers import is_identifier
from codat_sync.queries.sync_query import HistoryQuery, Period, position_at
from codat_sync.syncs.status_codes import Outcome
from codat_sync.syncs.work_category import OPEN_CATEGORIES
from codat_sync.web import csv_export
from codat_sync.web.api import presenters
from codat_sync.web.api.middlewares import add_entity_tags
from codat_sync.web.csv_cells import Style
from codat_sync.web.pages.components.chart import chart
from codat_sync.web.pages.components.columns import COLUMNS, chosen_columns
from codat_sync.web.pages.components.periods import offered
from codat_sync.web.pages.components.visits import Visit, current_visit
from codat_sync.web.pages.rendering import lasting_cookie, page, see_other
from codat_sync.web.pages.request import VISIT_COOKIE
from codat_sync.web.parameters import (
    Cursor,
    PageFormat,
    Rows,
    asked_history,
    asked_period,
    identifier,
    takes,
)
from codat_sync.web.read_service import ReadService

_LATEST = 8
_TOP_CAUSES = 6
_MAX_UNKNOWN = 100  # counted

Underway = Annotated[list[str] | None, Query(max_length=50, description="Syncs that were in progress")]
Columns = Annotated[list[str] | None, Query(alias="column", description="Columns to show")]


def add_history_pages(app: APIGatewayHttpResolver, read_service: ReadService) -> None:
    """Add the dashboard and the sync list."""

    @app.get("/")
    @takes(partial(asked_period, read_service.now))
    def dashboard(asked: Period) -> Response[Any]:
        failed = HistoryQuery(asked, outcomes=frozenset({Outcome.FAILED}), limit=_LATEST)
        visit = current_visit(app.context["request"].visit, read_service.now())
        with ThreadPoolExecutor(7) as pool:  # The queries are independent.
            newer = pool.submit(read_service.count_since, visit.since) if visit.since else None
            totals = pool.submit(read_service.sync_history.totals, asked, None)
            causes = pool.submit(read_service.find_causes, HistoryQuery(asked))
            latest = pool.submit(read_service.sync_history.load_page, failed, None)
            found = pool.submit(read_service.load_completeness)
            work = pool.submit(read_service.worklist.count, OPEN_CATEGORIES)
            unknown = pool.submit(read_service.unknown_outcomes.load, None, _MAX_UNKNOWN)
        return page(
            app.context["request"],
            "dashboard.html",
            cookies=[_visit_cookie(app, visit)],
            visit=visit,
            newer=newer and newer.result(),
            position=position_at(read_service.now()),
            period=asked,
            offered=offered(asked, read_service.now().date()),
            totals=totals.result(),
            chart=chart(totals.result().days),
            causes=presenters.causes(causes.result()),
            most_causes=_TOP_CAUSES,
            latest=replace(latest.result(), rows=read_service.name_companies(latest.result().rows)),
            completeness=found.result().overall,
            endpoint=found.result().endpoint,
            work=work.result(),
            unknown_outcomes=len(unknown.result()[0]),
            has_more_unknown=unknown.result()[1] is not None,
        )

    @app.get("/syncs")
    @takes(partial(asked_history, read_service.now))
    def history(  # noqa: PLR0913, PLR0917 - one per query parameter
        query: HistoryQuery,
        search: Annotated[str | None, Query(description="A sync or company id; any other text is searched for")] = None,
        limit: Rows = 25,
        cursor: Cursor = None,
        column: Columns = None,
        format: PageFormat = "html",  # noqa: A002 - the parameter's name
    ) -> Response[Any]:
        if search and not is_identifier(search.strip()):
            return see_other(app.context["request"].to("search", q=search))
        query = replace(query, limit=limit)
        if format == "csv":
            return csv_export.export_syncs(read_service.walk_with_messages(query, search, cursor), query, Style.PEOPLE)
        found = read_service.search(query, search, cursor)
        visit = current_visit(app.context["request"].visit, read_service.now())
        return page(
            app.context["request"],
            "history.html",
            cookies=[_visit_cookie(app, visit)],
            visit=visit,
            query=query,
            search=(search or "").strip(),
            found=found,
            columns=chosen_columns(column),
            all_columns=COLUMNS,
            is_first=cursor is None,
        )

    _add_live(app, read_service)


def _add_live(app: APIGatewayHttpResolver, read_service: ReadService) -> None:
    @app.get("/live", middlewares=[add_entity_tags])
    @takes(partial(asked_history, read_service.now))
    def live(query: HistoryQuery, sync: Underway = None, after: Cursor = None, column: Columns = None) -> Response[Any]:
        """Return the current rows of syncs, and how many syncs that match ``query`` follow the position ``after``.

        Costs a BatchGetItem for each 20 syncs, one for the names of their companies, and a Query of up to 100 rows of
        the index.
        """
        request = app.context["request"]
        found = read_service.details.load_listed([identifier("sync", each) for each in sync or ()])
        rows = read_service.name_companies(found)
        newer = read_service.count_after(query, after) if after else None
        return page(request, "live.html", rows=rows, newer=newer, columns=chosen_columns(column))


def _visit_cookie(app: APIGatewayHttpResolver, visit: Visit) -> Cookie:
    return lasting_cookie(app.context["request"], VISIT_COOKIE, visit.cookie)
