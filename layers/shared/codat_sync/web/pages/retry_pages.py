"""Retrying what failed in a sync: what it would do is shown first, then it is done, then how it goes."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from codat_sync.aws.observability import logger
from codat_sync.core.errors import ForbiddenError
from codat_sync.retries.lambda_client import RetryFunction
from codat_sync.retries.planner import Step
from codat_sync.retries.preview import Planned
from codat_sync.web.api import presenters
from codat_sync.web.pages.rendering import not_found_page, page, see_other
from codat_sync.web.parameters import SyncId, identifier
from codat_sync.web.read_service import Reading


def add_retry_pages(app: APIGatewayHttpResolver, reading: Reading, function: RetryFunction) -> None:
    """Add the pages by which somebody retries."""

    @app.get("/syncs/<sync_id>/retry")
    def confirm(sync_id: SyncId) -> Response[Any]:
        request = app.context["request"]
        wanted = identifier("syncId", sync_id)
        found = reading.details.load(wanted)
        preview = reading.previewing.sync(wanted) if found else None
        if not found or not preview:
            return not_found_page(request, "sync")
        meaning = presenters.code(found.status.code) if found.status else None
        return page(
            request,
            "sync_retry.html",
            tab="items",
            sync=found,
            listed=found.listed,
            meaning=meaning,
            live=None,
            preview=preview,
            retried=[each for each in preview.planned if each.plan.step is Step.RETRY],
            left=_grouped(each for each in preview.planned if each.plan.step is not Step.RETRY),
        )

    @app.post("/syncs/<sync_id>/retry")
    def retry(sync_id: SyncId) -> Response[Any]:
        request = app.context["request"]
        if not request.visitor.may_retry:
            raise ForbiddenError("the role for retrying is needed for this")
        wanted = identifier("syncId", sync_id)
        if not reading.details.load_listed([wanted]):
            return not_found_page(request, "sync")
        # A double click comes twice, and writes once: see RetryFunction.
        has_ended = function.retry(wanted)
        logger.info("retry asked", sync_id=wanted, has_ended=has_ended, asked_by=request.visitor.subject)
        return see_other(request.to("syncs", wanted, "items", retried="yes" if has_ended else "underway"))


def _grouped(planned: Iterable[Planned]) -> list[tuple[Step, str, list[Planned]]]:
    """Return what is left alone, by why: a step, its reason, and the transactions."""
    ordered = sorted(planned, key=lambda each: (each.plan.step, each.plan.support))
    groups = groupby(ordered, key=lambda each: (each.plan.step, each.plan.support))
    return [(step, support, list(each)) for (step, support), each in groups]
