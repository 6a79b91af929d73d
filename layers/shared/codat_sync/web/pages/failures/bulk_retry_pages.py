"""Pages to plan, confirm, follow and stop a retry of all failed items that match a filter."""

from functools import partial
from typing import Any
from uuid import uuid4

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from codat_sync.bulk_retries.bulk_retry import filter_of
from codat_sync.bulk_retries.commands import BulkRetryClient
from codat_sync.core.errors import ForbiddenError
from codat_sync.queries.failures.failed_items import FailureQuery
from codat_sync.web.bulk_retries import BulkRetryDesk
from codat_sync.web.pages.form import read_form
from codat_sync.web.pages.rendering import not_found_page, page, see_other
from codat_sync.web.pages.visitor import Visitor
from codat_sync.web.parameters import BulkRetryId, asked_failures, identifier, takes
from codat_sync.web.read_service import ReadService

_LATEST = 20


def add_bulk_retry_pages(app: APIGatewayHttpResolver, read_service: ReadService, client: BulkRetryClient) -> None:
    """Add the pages and their form actions."""
    desk = BulkRetryDesk(read_service, client)

    def retrier() -> Visitor:
        visitor: Visitor = app.context["request"].visitor
        if not visitor.may_retry:
            raise ForbiddenError("the retry role is required")
        return visitor

    @app.get("/bulk-retries")
    def latest() -> Response[Any]:
        return page(app.context["request"], "bulk_retries.html", found=desk.latest(_LATEST), most=_LATEST)

    @app.get("/bulk-retries/new")
    @takes(partial(asked_failures, read_service.now))
    def confirm(query: FailureQuery) -> Response[Any]:
        chosen = filter_of(query)
        return page(
            app.context["request"],
            "bulk_retry_plan.html",
            chosen=chosen,
            company_name=read_service.load_company_name(chosen.company_id),
            plan=desk.plan(chosen),
            key=uuid4().hex,
        )

    @app.post("/bulk-retries")
    @takes(partial(asked_failures, read_service.now))
    def start(query: FailureQuery) -> Response[Any]:
        # The form has a key of its own, so a double click starts it once: see ``BulkRetryDesk``.
        key = read_form(app.current_event).get("key")
        started = desk.start(filter_of(query), retrier(), key)
        return see_other(app.context["request"].to("bulk-retries", started.bulk_retry.bulk_retry_id))

    @app.get("/bulk-retries/<bulk_retry_id>")
    def show(bulk_retry_id: BulkRetryId) -> Response[Any]:
        found = read_service.load_bulk_retry(identifier("bulkRetryId", bulk_retry_id))
        if found is None:
            return not_found_page(app.context["request"], "bulk retry")
        return page(app.context["request"], "bulk_retry.html", found=found, asked=found.bulk_retry)

    @app.post("/bulk-retries/<bulk_retry_id>/stop")
    def stop(bulk_retry_id: BulkRetryId) -> Response[Any]:
        wanted = identifier("bulkRetryId", bulk_retry_id)
        if desk.stop(wanted, retrier()) is None:
            return not_found_page(app.context["request"], "bulk retry")
        return see_other(app.context["request"].to("bulk-retries", wanted))
