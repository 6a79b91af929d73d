"""Pages that preview, confirm and start a retry of a sync's failed items."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from codat_sync.aws.observability import logger
from codat_sync.core.errors import ForbiddenError
from codat_sync.retries.lambda_client import RetryClient
from codat_sync.retries.preview import TransactionPlan
from codat_sync.syncs.retry_record import Step
from codat_sync.web.api import presenters
from codat_sync.web.pages.rendering import not_found_page, page, see_other
from codat_sync.web.parameters import SyncId, identifier
from codat_sync.web.read_service import ReadService


def add_retry_pages(app: APIGatewayHttpResolver, read_service: ReadService, function: RetryClient) -> None:
    """Add the retry confirmation page and its form action."""

    @app.get("/syncs/<sync_id>/retry")
    def confirm(sync_id: SyncId) -> Response[Any]:
        request = app.context["request"]
        wanted = identifier("syncId", sync_id)
        found = read_service.details.load(wanted)
        preview = read_service.retry_previews.preview_sync(wanted) if found else None
        if not found or not preview:
            return not_found_page(request, "sync")
        meaning = presenters.meaning(found)
        return page(
            request,
            "sync_retry.html",
            tab="items",
            sync=found,
            listed=found.listed,
            meaning=meaning,
            live=None,
            preview=preview,
            retried=[each for each in preview.planned if each.plan.step is Step.RETRY_NOW],
            left=_group_by_plan(each for each in preview.planned if each.plan.step is not Step.RETRY_NOW),
        )

    @app.post("/syncs/<sync_id>/retry")
    def retry(sync_id: SyncId) -> Response[Any]:
        request = app.context["request"]
        if not request.visitor.may_retry:
            raise ForbiddenError("the retry role is required")
        wanted = identifier("syncId", sync_id)
        if not read_service.details.load_listed([wanted]):
            return not_found_page(request, "sync")
        # A double click sends two requests but writes once: see RetryClient.
        progress = function.retry(wanted, request.visitor.signature)
        logger.info("retry requested", sync_id=wanted, progress=progress, requested_by=request.visitor.subject)
        return see_other(request.to("syncs", wanted, "items", retried=progress))


def _group_by_plan(planned: Iterable[TransactionPlan]) -> list[tuple[Step, str, list[TransactionPlan]]]:
    """Group transactions that are not retried by step and support note."""
    ordered = sorted(planned, key=lambda each: (each.plan.step, each.plan.support_note))
    groups = groupby(ordered, key=lambda each: (each.plan.step, each.plan.support_note))
    return [(step, support_note, list(each)) for (step, support_note), each in groups]
