"""Pages that preview, confirm and start a retry: of a sync's failed items, of selected ones, or of one transaction."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from codat_sync.aws.observability import logger
from codat_sync.core.errors import ForbiddenError, InvalidQueryError
from codat_sync.retries.lambda_client import RetryClient, RetryProgress
from codat_sync.retries.preview import MAX_PLANNED, TransactionPlan
from codat_sync.syncs.retry_record import Step
from codat_sync.web.api import presenters
from codat_sync.web.pages.form import read_all
from codat_sync.web.pages.rendering import not_found_page, page, see_other
from codat_sync.web.pages.request import PageRequest
from codat_sync.web.parameters import CompanyInPath, SyncId, TransactionId, identifier, selection
from codat_sync.web.read_service import ReadService

# The form field of a selected item's id.
_FIELD = "transaction"


def add_retry_pages(app: APIGatewayHttpResolver, read_service: ReadService, function: RetryClient) -> None:
    """Add the retry confirmation pages and their form actions."""
    _add_sync(app, read_service, function)
    _add_selection(app, read_service, function)

    @app.post("/company/<company_id>/transactions/<transaction_id>/retry")
    def retry_one(company_id: CompanyInPath, transaction_id: TransactionId) -> Response[Any]:
        request = app.context["request"]
        company, wanted = identifier("companyId", company_id), identifier("transactionId", transaction_id)
        sync_id = read_service.retry_previews.plan_transaction(company, wanted).retry_sync_id
        if sync_id is None:
            return not_found_page(request, "transaction that a sync could be retried for")
        progress = _start(request, function, sync_id, [wanted])
        return see_other(request.to("company", company, "transactions", wanted, retried=progress))

    @app.get("/company/<company_id>/transactions/<transaction_id>/retry")
    def retried_one(company_id: CompanyInPath, transaction_id: TransactionId) -> Response[Any]:
        """Redirect to the transaction after a sign-in that interrupted the retry."""
        return see_other(app.context["request"].to("company", company_id, "transactions", transaction_id))


def _add_sync(app: APIGatewayHttpResolver, read_service: ReadService, function: RetryClient) -> None:
    @app.get("/syncs/<sync_id>/retry")
    def confirm(sync_id: SyncId) -> Response[Any]:
        return _confirmation(app.context["request"], read_service, identifier("syncId", sync_id), None)

    @app.post("/syncs/<sync_id>/retry")
    def retry(sync_id: SyncId) -> Response[Any]:
        request, wanted = app.context["request"], identifier("syncId", sync_id)
        if not read_service.details.load_listed([wanted]):
            return not_found_page(request, "sync")
        progress = _start(request, function, wanted, None)
        return see_other(request.to("syncs", wanted, "items", retried=progress))


def _add_selection(app: APIGatewayHttpResolver, read_service: ReadService, function: RetryClient) -> None:
    # Other paths than those of the whole sync: a form that lost its selection must never retry everything.
    @app.post("/syncs/<sync_id>/retry/selection")
    def confirm_selection(sync_id: SyncId) -> Response[Any]:
        """Only read: a POST because the ids of a selection may not fit into a URL."""
        wanted = identifier("syncId", sync_id)
        return _confirmation(app.context["request"], read_service, wanted, _selected_ids(app))

    @app.post("/syncs/<sync_id>/retry/selected")
    def retry_selection(sync_id: SyncId) -> Response[Any]:
        request, wanted, selected_ids = app.context["request"], identifier("syncId", sync_id), _selected_ids(app)
        if not selected_ids:
            raise InvalidQueryError(_FIELD, "must name at least one item")
        if not read_service.details.load_listed([wanted]):
            return not_found_page(request, "sync")
        progress = _start(request, function, wanted, selected_ids)
        return see_other(request.to("syncs", wanted, "items", retried=progress))

    @app.get("/syncs/<sync_id>/retry/selection")
    @app.get("/syncs/<sync_id>/retry/selected")
    def selected(sync_id: SyncId) -> Response[Any]:
        """Redirect to the items if a page is requested whose selection is gone."""
        return see_other(app.context["request"].to("syncs", identifier("syncId", sync_id), "items"))


def _selected_ids(app: APIGatewayHttpResolver) -> tuple[str, ...]:
    """Return the selected transactions of a form. Raises InvalidQueryError."""
    ids = selection(_FIELD, read_all(app.current_event, _FIELD)) or ()
    if len(ids) > MAX_PLANNED:
        raise InvalidQueryError(_FIELD, f"must name at most {MAX_PLANNED} items")
    return ids


def _confirmation(
    request: PageRequest, read_service: ReadService, sync_id: str, selected_ids: Sequence[str] | None
) -> Response[Any]:
    """Return the page that shows what a retry would do. It reads only."""
    found = read_service.details.load(sync_id)
    preview = read_service.retry_previews.preview_sync(sync_id, selected_ids) if found else None
    if not found or not preview:
        return not_found_page(request, "sync")
    return page(
        request,
        "sync_retry.html",
        tab="items",
        sync=found,
        listed=found.listed,
        meaning=presenters.meaning(found),
        live=None,
        preview=preview,
        selected_ids=selected_ids,
        left=_group_by_plan(preview.left),
    )


def _start(
    request: PageRequest, function: RetryClient, sync_id: str, selected_ids: Sequence[str] | None
) -> RetryProgress:
    """Have the retry function resubmit a sync's failed transactions, or the selected ones.

    A double click or a repeated form sends two requests but writes once: the retry function plans each transaction
    anew, and claims it before sending it (see RetryClient). Raises ForbiddenError and RetryUnavailableError.
    """
    if not request.visitor.may_retry:
        raise ForbiddenError("the retry role is required")
    progress = function.retry(sync_id, request.visitor.signature, selected_ids)
    logger.info(
        "retry requested",
        sync_id=sync_id,
        selected_ids=selected_ids,
        progress=progress,
        requested_by=request.visitor.subject,
    )
    return progress


def _group_by_plan(planned: Iterable[TransactionPlan]) -> list[tuple[Step, str, list[TransactionPlan]]]:
    """Group transactions that are not retried by step and support note."""
    ordered = sorted(planned, key=lambda each: (each.plan.step, each.plan.support_note))
    groups = groupby(ordered, key=lambda each: (each.plan.step, each.plan.support_note))
    return [(step, support_note, list(each)) for (step, support_note), each in groups]
