"""The worklist: failed syncs by who has to act, to be dismissed, reopened or noted."""

from dataclasses import replace
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from codat_sync.aws.observability import logger
from codat_sync.core.enums import parse_enum
from codat_sync.core.errors import ForbiddenError, InvalidQueryError
from codat_sync.queries.worklist import WorkQuery
from codat_sync.retries.lambda_client import RetryClient
from codat_sync.retries.work_decisions import MAX_REASON_LENGTH, WorkDecisionCommand
from codat_sync.syncs.retry_record import DecisionKind
from codat_sync.web import csv_export
from codat_sync.web.api import presenters
from codat_sync.web.csv_cells import Style
from codat_sync.web.pages.form import read_form
from codat_sync.web.pages.rendering import not_found_page, page, see_other
from codat_sync.web.parameters import Cursor, PageFormat, Rows, SyncId, asked_work, identifier, takes
from codat_sync.web.read_service import ReadService


def add_worklist_pages(app: APIGatewayHttpResolver, read_service: ReadService, retry: RetryClient) -> None:
    """Add the page and its form action."""

    @app.get("/worklist")
    @takes(asked_work)
    def worklist(
        query: WorkQuery,
        limit: Rows = 25,
        cursor: Cursor = None,
        format: PageFormat = "html",  # noqa: A002 - the parameter's name
    ) -> Response[Any]:
        query = replace(query, limit=limit)
        if format == "csv":
            return csv_export.export_work_items(read_service.walk_work(query, cursor), Style.PEOPLE)
        found = read_service.load_work(query, cursor)
        return page(
            app.context["request"],
            "worklist.html",
            query=query,
            items=[(each, presenters.work_item(each)) for each in found.items],
            found=found,
            company_name=read_service.load_company_name(query.company_id),
            counts=read_service.worklist.count(),
        )

    @app.post("/worklist/<sync_id>")
    def decide(sync_id: SyncId) -> Response[Any]:
        request, form = app.context["request"], read_form(app.current_event)
        if not request.visitor.may_retry:
            raise ForbiddenError("the retry role is required")
        wanted, kind = identifier("syncId", sync_id), parse_enum(DecisionKind, form.get("kind", ""), None)
        if kind is None:
            raise InvalidQueryError("kind", "must be dismiss, reopen or note")
        command = WorkDecisionCommand(wanted, kind, request.visitor.signature, _reason(form))
        if not retry.decide(command):
            return not_found_page(request, "failed sync")
        logger.info("decision requested", sync_id=wanted, kind=kind, by=request.visitor.subject)
        return see_other(request.root + _back(form.get("back", ""), wanted))


def _reason(form: dict[str, str]) -> str:
    reason = form.get("reason", "").strip()
    if not 0 < len(reason) <= MAX_REASON_LENGTH:
        raise InvalidQueryError("reason", f"is required: at most {MAX_REASON_LENGTH} characters")
    return reason


def _back(link: str, sync_id: str) -> str:
    """Return the link to the list that the form was on, or to the sync. No other page has the form."""
    is_list = link == "worklist" or link.startswith("worklist?")
    return link if is_list and link.isascii() and link.isprintable() else f"syncs/{sync_id}"
