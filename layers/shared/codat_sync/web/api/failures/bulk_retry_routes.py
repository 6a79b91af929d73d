"""JSON API routes of bulk retries: plan, start, follow and stop a retry of all failed items that match a filter."""

from functools import partial
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.openapi.params import Body

from codat_sync.auth.roles import AccessPolicy, Role, Viewer
from codat_sync.bulk_retries.bulk_retry import FailureFilter, filter_of
from codat_sync.bulk_retries.commands import BulkRetryClient
from codat_sync.queries.failures.failed_items import FailureQuery
from codat_sync.web.api import presenters
from codat_sync.web.api.responses import PREFIX, Tag, documented_responses, json_response
from codat_sync.web.api.schemas import BulkRetries, BulkRetry, BulkRetryPlan, BulkRetryRequest
from codat_sync.web.bulk_retries import BulkRetryDesk
from codat_sync.web.parameters import BulkRetryId, Few, asked_failures, identifier, takes
from codat_sync.web.problems import not_found
from codat_sync.web.read_service import ReadService


def add_bulk_retries(
    app: APIGatewayHttpResolver, read_service: ReadService, access: AccessPolicy, client: BulkRetryClient
) -> None:
    """Add the routes."""
    desk = BulkRetryDesk(read_service, client)

    def caller() -> Viewer:
        return access.caller(app.current_event.raw_event)

    @app.get(
        f"{PREFIX}/bulk-retries",
        operation_id="listBulkRetries",
        tags=[Tag.FAILURES],
        summary="List the newest bulk retries",
        responses=documented_responses(BulkRetries),
    )
    def bulk_retries(limit: Few = 25) -> Response[Any]:
        """Costs two table requests, and for each bulk retry one for each 3,000 of its syncs."""
        found = [presenters.bulk_retry(each) for each in desk.latest(limit)]
        return json_response(BulkRetries(bulk_retries=found))

    @app.get(
        f"{PREFIX}/failed-items/plan",
        operation_id="planBulkRetry",
        tags=[Tag.FAILURES],
        summary="Plan a retry of all failed items that match a filter",
        responses=documented_responses(BulkRetryPlan),
    )
    @takes(partial(asked_failures, read_service.now))
    def plan(query: FailureQuery) -> Response[Any]:
        """Change nothing. Costs as much as the failed items, and three requests for each of up to 1,000 of them."""
        return json_response(presenters.bulk_retry_plan(desk.plan(filter_of(query))))

    @app.post(
        f"{PREFIX}/bulk-retries",
        operation_id="startBulkRetry",
        tags=[Tag.FAILURES],
        summary="Retry all failed items that match a filter",
        responses=documented_responses(BulkRetry),
    )
    def start(body: Annotated[BulkRetryRequest, Body()]) -> Response[Any]:
        """Needs the retry role. It begins within a minute, and runs in the background."""
        caller().require_role(Role.RETRY)
        return json_response(presenters.bulk_retry(desk.start(_filter(read_service, body), caller())))

    @app.get(
        f"{PREFIX}/bulk-retries/<bulk_retry_id>",
        operation_id="getBulkRetry",
        tags=[Tag.FAILURES],
        summary="Get a bulk retry and its progress",
        responses=documented_responses(BulkRetry),
    )
    def bulk_retry(bulk_retry_id: BulkRetryId) -> Response[Any]:
        """Costs two table requests, and one more for each 3,000 syncs."""
        found = read_service.load_bulk_retry(identifier("bulkRetryId", bulk_retry_id))
        return json_response(presenters.bulk_retry(found)) if found else not_found("bulk retry")

    @app.post(
        f"{PREFIX}/bulk-retries/<bulk_retry_id>/stop",
        operation_id="stopBulkRetry",
        tags=[Tag.FAILURES],
        summary="Stop a bulk retry",
        responses=documented_responses(BulkRetry),
    )
    def stop(bulk_retry_id: BulkRetryId) -> Response[Any]:
        """Skip all syncs whose retry has not begun. Needs the retry role. Changes nothing if it is finished."""
        caller().require_role(Role.RETRY)
        found = desk.stop(identifier("bulkRetryId", bulk_retry_id), caller())
        return json_response(presenters.bulk_retry(found)) if found else not_found("bulk retry")


def _filter(read_service: ReadService, body: BulkRetryRequest) -> FailureFilter:
    query = asked_failures(read_service.now, body.company_id, body.first, body.last, body.codes, body.cause)
    return filter_of(query)
