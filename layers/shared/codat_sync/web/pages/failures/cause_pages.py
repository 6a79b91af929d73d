"""Pages for the causes of failures, a cause and the companies in which it occurred, and failed items across syncs."""

from dataclasses import replace
from functools import partial
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from codat_sync.queries.failures.failed_items import FailureQuery
from codat_sync.queries.sync_query import HistoryQuery
from codat_sync.web import csv_export
from codat_sync.web.api import presenters
from codat_sync.web.csv_cells import Style
from codat_sync.web.pages.components.periods import RECENT, offered
from codat_sync.web.pages.rendering import page
from codat_sync.web.parameters import (
    CauseInPath,
    Cursor,
    PageFormat,
    Rows,
    asked_failed_syncs,
    asked_failures,
    cause_identifier,
    takes,
)
from codat_sync.web.read_service import ReadService

_MAX_AFFECTED = 50


def add_cause_pages(app: APIGatewayHttpResolver, read_service: ReadService) -> None:
    """Add the pages."""

    @app.get("/causes")
    @takes(partial(asked_failed_syncs, read_service.now))
    def causes(query: HistoryQuery, format: PageFormat = "html") -> Response[Any]:  # noqa: A002 - the parameter's name
        found = read_service.find_causes(query, is_whole=format == "csv")
        if format == "csv":
            return csv_export.export_causes(found, Style.PEOPLE)
        return page(
            app.context["request"],
            "causes.html",
            period=query.period,
            offered=offered(query.period, read_service.now().date(), RECENT),
            found=presenters.causes(found),
            company_id=query.company_id,
            company_name=read_service.load_company_name(query.company_id),
        )

    @app.get("/causes/<cause_id>")
    @takes(partial(asked_failed_syncs, read_service.now))
    def cause(query: HistoryQuery, cause_id: CauseInPath) -> Response[Any]:
        found = read_service.find_cause(query, cause_identifier("cause", cause_id))
        asked: dict[str, Any] = {
            "period": query.period,
            "offered": offered(query.period, read_service.now().date(), RECENT),
            "company_id": query.company_id,
            "company_name": read_service.load_company_name(query.company_id),
        }
        if found is None:
            return page(app.context["request"], "no_cause.html", HTTPStatus.NOT_FOUND, **asked)
        return page(
            app.context["request"],
            "cause.html",
            cause=presenters.cause_details(*found),
            most_affected=_MAX_AFFECTED,
            **asked,
        )

    @app.get("/failed-items")
    @takes(partial(asked_failures, read_service.now))
    def failed_items(
        query: FailureQuery,
        limit: Rows = 25,
        cursor: Cursor = None,
        format: PageFormat = "html",  # noqa: A002 - the parameter's name
    ) -> Response[Any]:
        request = app.context["request"]
        may_see = request.visitor.may_see_expenses
        if format == "csv":
            walk = read_service.walk_failed_items(query, cursor, may_see_expenses=may_see)
            return csv_export.export_failed_items(walk, Style.PEOPLE, has_expenses=may_see)
        return page(
            request,
            "failed_items.html",
            query=query,
            period=query.history.period,
            offered=offered(query.history.period, read_service.now().date(), RECENT),
            found=read_service.find_failed_items(replace(query, limit=limit), cursor, may_see_expenses=may_see),
            may_see_expenses=may_see,
        )
