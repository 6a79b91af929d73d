"""JSON API routes of bulk retries: plan, start, follow and stop a retry of all failed items that match a filter."""

from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Header

from codat_sync.auth.roles import AccessPolicy, Role, Viewer
from codat_sync.bulk_retries.bulk_retry import FailureFilter, filter_of
from codat_sync.bulk_retries.commands import BulkRetryClient
from codat_sync.web.api import presenters
from codat_sync.web.api.responses import PREFIX, documented_responses, json_response
from codat_sync.web.api.schemas import BulkRetries, BulkRetry, BulkRetryPlan, BulkRetryRequest
from codat_sync.web.bulk_retries import BulkRetryDesk
from codat_sync.web.parameters import BulkRetryId, Limit, asked_failures, identifier
from codat_sync.web.problems import not_found
from codat_sync.web.read_service import ReadService

IdempotencyKey = Annotated[
    str | None, Header(alias="idempotency-key", max_length=128, description="Repeats of a request start it once")
]


def add_bulk_retries(
    app: APIGatewayHttpResolver, read_service: ReadService, access: AccessPolicy, client: BulkRetryClient
) -> None:
    """Add the routes."""
    desk = BulkRetryDesk(read_service, client)

    def caller() -> Viewer:
        return access.caller(app.current_event.raw_event)

    @app.get(
        f"{PREFIX}/bulk-retries", summary="List the newest bulk retries", responses=documented_responses(BulkRetries)
    )
    def bulk_retries(limit: Limit = 25) -> Response[Any]:
        """Costs two table requests, and one for each bulk retry."""
        found = [presenters.bulk_retry(each) for each in desk.latest(limit)]
        return json_response(BulkRetries(bulk_retries=found))

    @app.post(
        f"{PREFIX}/bulk-retries",
        summary="Retry all failed items that match a filter, or plan this",
        responses=documented_responses(BulkRetryPlan),
    )
    def start(body: Annotated[BulkRetryRequest, Body()], idempotency_key: IdempotencyKey = None) -> Response[Any]:
        """With `dryRun`, return what would be resubmitted and what not; otherwise start, which needs the retry role."""
        chosen = _filter(read_service, body)
        if body.dry_run:
            return json_response(presenters.bulk_retry_plan(desk.plan(chosen)))
        caller().require_role(Role.RETRY)
        started = desk.start(chosen, caller(), idempotency_key)
        answer = json_response(presenters.bulk_retry(started))
        answer.status_code = HTTPStatus.ACCEPTED
        return answer

    @app.get(
        f"{PREFIX}/bulk-retries/<bulk_retry_id>",
        summary="Get a bulk retry and its progress",
        responses=documented_responses(BulkRetry),
    )
    def bulk_retry(bulk_retry_id: BulkRetryId) -> Response[Any]:
        """Costs two table requests, and one more for each 3,000 syncs."""
        found = read_service.load_bulk_retry(identifier("bulkRetryId", bulk_retry_id))
        return json_response(presenters.bulk_retry(found)) if found else not_found("bulk retry")

    @app.post(
        f"{PREFIX}/bulk-retries/<bulk_retry_id>/stop",
        summary="Stop a bulk retry",
        responses=documented_responses(BulkRetry),
    )
    def stop(bulk_retry_id: BulkRetryId) -> Response[Any]:
        """Skip all syncs that are not being retried yet. Needs the retry role. Changes nothing if it is finished."""
        caller().require_role(Role.RETRY)
        found = desk.stop(identifier("bulkRetryId", bulk_retry_id), caller())
        return json_response(presenters.bulk_retry(found)) if found else not_found("bulk retry")


def _filter(read_service: ReadService, body: BulkRetryRequest) -> FailureFilter:
    query = asked_failures(read_service.now, body.company_id, body.first, body.last, body.codes, body.cause)
    return filter_of(query)
