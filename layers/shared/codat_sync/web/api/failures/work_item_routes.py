"""JSON API routes for the worklist: failed syncs by who has to act, and what users decide about them."""

from dataclasses import replace
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.openapi.params import Body

from codat_sync.auth.roles import AccessPolicy, Role
from codat_sync.queries.worklist import WorkQuery
from codat_sync.retries.lambda_client import RetryClient
from codat_sync.retries.work_decisions import WorkDecisionCommand
from codat_sync.web import csv_export
from codat_sync.web.api import presenters
from codat_sync.web.api.middlewares import require_role
from codat_sync.web.api.responses import PREFIX, Tag, documented_responses, json_response
from codat_sync.web.api.schemas import WorkCounts, WorkDecisionRequest, WorkItem, WorkItems
from codat_sync.web.parameters import Cursor, Format, Limit, SyncId, asked_work, identifier, takes
from codat_sync.web.problems import not_found
from codat_sync.web.read_service import ReadService


def add_work_items(app: APIGatewayHttpResolver, read_service: ReadService) -> None:
    """Add the routes that list and count work items."""

    @app.get(
        f"{PREFIX}/work-items",
        operation_id="listWorkItems",
        tags=[Tag.FAILURES],
        summary="List failed syncs by who has to act",
        responses=documented_responses(WorkItems, is_list=True),
    )
    @takes(asked_work)
    def work_items(
        query: WorkQuery,
        limit: Limit = 25,
        cursor: Cursor = None,
        format: Format = "json",  # noqa: A002 - the parameter's name
    ) -> Response[Any]:
        """List one category after the other, by default the open ones. Costs two table requests for each category."""
        query = replace(query, limit=limit)
        if format == "csv":
            return csv_export.export_work_items(read_service.walk_work(query, cursor))
        return json_response(presenters.work_items(read_service.load_work(query, cursor)))

    @app.get(
        f"{PREFIX}/work-items/counts",
        operation_id="countWorkItems",
        tags=[Tag.FAILURES],
        summary="Count failed syncs by who has to act",
        responses=documented_responses(WorkCounts),
    )
    def counts() -> Response[Any]:
        """Count up to 1,000 of each category. Costs one table request for each."""
        return json_response(presenters.work_counts(read_service.worklist.count()))


def add_work_decisions(
    app: APIGatewayHttpResolver, read_service: ReadService, retry: RetryClient, access: AccessPolicy
) -> None:
    """Add the route that decides about a work item, for callers with the role RETRY."""

    @app.post(
        f"{PREFIX}/work-items/<sync_id>/decisions",
        operation_id="decideWorkItem",
        tags=[Tag.FAILURES],
        summary="Dismiss, reopen or note a failed sync",
        responses=documented_responses(WorkItem),
    )
    def decide(sync_id: SyncId, decision: Annotated[WorkDecisionRequest, Body()]) -> Response[Any]:
        """Needs the role `codat-sync/retry`. A dismissed sync reopens by itself if it fails again."""
        caller = require_role(app, access, Role.RETRY)
        wanted = identifier("syncId", sync_id)
        command = WorkDecisionCommand(wanted, decision.kind, caller.signature, decision.reason)
        item = retry.decide(command) and read_service.load_work_item(wanted)
        return json_response(presenters.work_item(item)) if item else not_found("failed sync")
