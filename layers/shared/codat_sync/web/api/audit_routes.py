"""JSON API routes for who did what."""

from functools import partial
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from codat_sync.queries.audit_log import AuditQuery
from codat_sync.web import csv_export
from codat_sync.web.api.responses import PREFIX, Tag, documented_responses, json_response
from codat_sync.web.api.schemas import AuditPage
from codat_sync.web.parameters import Cursor, Format, Limit, SyncId, asked_audit, identifier, takes
from codat_sync.web.read_service import ReadService


def add_audit(app: APIGatewayHttpResolver, read_service: ReadService) -> None:
    """Add the routes."""

    @app.get(
        f"{PREFIX}/audit",
        operation_id="listAudit",
        tags=[Tag.OPERATIONS],
        summary="List actions of users and operators (audit)",
        responses=documented_responses(AuditPage, is_list=True),
    )
    @takes(partial(asked_audit, read_service.now))
    def audit(
        query: AuditQuery,
        limit: Limit = 25,
        cursor: Cursor = None,
        format: Format = "json",  # noqa: A002 - the parameter's name
    ) -> Response[Any]:
        """Costs one table request per month and per 200 entries, at most five (CSV: all), and one for names."""
        if format == "csv":
            return csv_export.export_audit(read_service.walk_audit(query, cursor))
        return json_response(AuditPage.model_validate(read_service.load_audit(query, limit, cursor)))

    @app.get(
        f"{PREFIX}/syncs/<sync_id>/audit",
        operation_id="listSyncAudit",
        tags=[Tag.SYNCS],
        summary="List actions on a sync (audit)",
        responses=documented_responses(AuditPage),
    )
    def sync_audit(sync_id: SyncId, limit: Limit = 25, cursor: Cursor = None) -> Response[Any]:
        """Costs two table requests. A sync without any action has no entries, whether or not it is known."""
        found = read_service.load_audit_of_sync(identifier("syncId", sync_id), limit, cursor)
        return json_response(AuditPage.model_validate(found))
