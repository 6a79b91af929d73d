"""The audit page: actions of users and operators."""

from functools import partial
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from codat_sync.queries.audit_log import AuditQuery
from codat_sync.web import csv_export
from codat_sync.web.csv_cells import Style
from codat_sync.web.pages.rendering import page
from codat_sync.web.parameters import Cursor, PageFormat, asked_audit, takes
from codat_sync.web.read_service import ReadService

_ROWS = 50  # keeps the page under 100 KB, unless many details are long


def add_audit_pages(app: APIGatewayHttpResolver, read_service: ReadService) -> None:
    """Add the page."""

    @app.get("/audit")
    @takes(partial(asked_audit, read_service.now))
    def audit(query: AuditQuery, cursor: Cursor = None, format: PageFormat = "html") -> Response[Any]:  # noqa: A002 - the parameter's name
        if format == "csv":
            return csv_export.export_audit(read_service.walk_audit(query, cursor), Style.PEOPLE)
        found = read_service.load_audit(query, _ROWS, cursor)
        return page(app.context["request"], "audit.html", query=query, found=found)
