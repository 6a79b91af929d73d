"""JSON API routes for the causes of failures, and the failed items across syncs."""

from dataclasses import replace
from functools import partial
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from codat_sync.auth.roles import Role
from codat_sync.queries.failures.failed_items import FailureQuery
from codat_sync.queries.sync_query import HistoryQuery
from codat_sync.web import csv_export
from codat_sync.web.api import presenters
from codat_sync.web.api.responses import PREFIX, Tag, documented_responses, json_response
from codat_sync.web.api.schemas import CauseDetails, FailedItems, FailureCauses
from codat_sync.web.parameters import (
    CauseInPath,
    Cursor,
    Format,
    Limit,
    asked_failed_syncs,
    asked_failures,
    cause_identifier,
    takes,
)
from codat_sync.web.problems import not_found
from codat_sync.web.read_service import ReadService


def add_causes(app: APIGatewayHttpResolver, read_service: ReadService) -> None:
    """Add the routes."""

    @app.get(
        f"{PREFIX}/causes",
        operation_id="listCauses",
        tags=[Tag.FAILURES],
        summary="List the causes of failures",
        responses=documented_responses(FailureCauses, is_list=True),
    )
    @takes(partial(asked_failed_syncs, read_service.now))
    def causes(query: HistoryQuery, format: Format = "json") -> Response[Any]:  # noqa: A002 - the parameter's name
        """Costs as much as the sync list, plus up to 200 failed syncs' documents (CSV: all), a read unit per 4 KB."""
        found = read_service.find_causes(query, is_whole=format == "csv")
        return csv_export.export_causes(found) if format == "csv" else json_response(presenters.causes(found))

    @app.get(
        f"{PREFIX}/causes/<cause_id>",
        operation_id="getCause",
        tags=[Tag.FAILURES],
        summary="Get a cause and the affected companies",
        responses=documented_responses(CauseDetails),
    )
    @takes(partial(asked_failed_syncs, read_service.now))
    def cause(query: HistoryQuery, cause_id: CauseInPath) -> Response[Any]:
        """Costs as much as the CSV of all causes. 404 if the cause did not occur in the period."""
        found = read_service.find_cause(query, cause_identifier("causeId", cause_id))
        return json_response(presenters.cause_details(*found)) if found else not_found("cause in this period")

    @app.get(
        f"{PREFIX}/failed-items",
        operation_id="listFailedItems",
        tags=[Tag.FAILURES],
        summary="List failed items across syncs, the newest sync first",
        responses=documented_responses(FailedItems, is_list=True),
    )
    @takes(partial(asked_failures, read_service.now))
    def failed_items(
        query: FailureQuery,
        limit: Limit = 50,
        cursor: Cursor = None,
        format: Format = "json",  # noqa: A002 - the parameter's name
    ) -> Response[Any]:
        """Costs as much as the sync list, plus the failed syncs' documents, up to 200 and eight parts (CSV: all).

        With the role `codat-sync/expenses`, items have their amounts, at two requests more for each.
        """
        may_see = app.context["viewer"].has_role(Role.EXPENSES)
        if format == "csv":
            walk = read_service.walk_failed_items(query, cursor, may_see_expenses=may_see)
            return csv_export.export_failed_items(walk, has_expenses=may_see)
        found = read_service.find_failed_items(replace(query, limit=limit), cursor, may_see_expenses=may_see)
        return json_response(presenters.failed_items(found))
