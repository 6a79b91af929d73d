"""The resolver of the JSON API: routes, authorization and error responses.

To add a route, see `codat_sync.web.api.responses`.
"""

from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError

from codat_sync.auth.roles import AccessPolicy
from codat_sync.aws.errors import AWS_ERRORS
from codat_sync.bulk_retries.commands import BulkRetryClient
from codat_sync.core.errors import CodatSyncError
from codat_sync.core.problems import ProblemDetails, ProblemType, invalid_request
from codat_sync.dead_letters.service import DeadLetterService
from codat_sync.idempotency.requests import IdempotentRequests
from codat_sync.retries.lambda_client import RetryClient
from codat_sync.web.api.audit_routes import add_audit
from codat_sync.web.api.company_routes import add_companies, add_company, add_completeness
from codat_sync.web.api.dead_letter_routes import add_dead_letters
from codat_sync.web.api.failures.bulk_retry_routes import add_bulk_retries
from codat_sync.web.api.failures.cause_routes import add_causes
from codat_sync.web.api.failures.work_item_routes import add_work_decisions, add_work_items
from codat_sync.web.api.history_routes import add_history
from codat_sync.web.api.middlewares import add_entity_tags, execute_once, reject_unknown_parameters, require_viewer
from codat_sync.web.api.openapi import allowed_methods, document
from codat_sync.web.api.problem_routes import add_problem_types
from codat_sync.web.api.responses import JSON, PREFIX
from codat_sync.web.api.support_routes import add_support
from codat_sync.web.api.sync_routes import add_live, add_sync, add_transaction
from codat_sync.web.api.unknown_outcome_routes import add_unknown_outcomes
from codat_sync.web.problems import problem_for, problem_response, validation_errors
from codat_sync.web.read_service import ReadService
from codat_sync.web.search.routes import add_search

# In the order of the OpenAPI document.
_ADDERS = (
    add_history,
    add_causes,
    add_sync,
    add_transaction,
    add_live,
    add_companies,
    add_company,
    add_completeness,
    add_work_items,
    add_unknown_outcomes,
    add_support,
    add_audit,
    add_problem_types,
)


def api(
    read_service: ReadService,
    letters: DeadLetterService,
    access: AccessPolicy,
    retry: RetryClient,
    requests: IdempotentRequests,
) -> APIGatewayHttpResolver:
    """Build the JSON API's resolver for API Gateway (payload 2.0). ``access`` must grant the VIEW role."""
    app = APIGatewayHttpResolver(enable_validation=True)
    app.use([require_viewer(access), reject_unknown_parameters, add_entity_tags, execute_once(access, requests)])
    for add in _ADDERS:
        add(app, read_service)
    add_bulk_retries(app, read_service, access, BulkRetryClient(retry))
    add_work_decisions(app, read_service, retry, access)
    add_dead_letters(app, letters, access, read_service)
    add_search(app, read_service.searches, access)
    _add_document(app)
    _add_problems(app, read_service)
    return app


def _add_document(app: APIGatewayHttpResolver) -> None:
    @app.get(f"{PREFIX}/openapi.json", include_in_schema=False)
    def openapi() -> Response[Any]:
        return Response(HTTPStatus.OK, JSON, document(app))


def _add_problems(app: APIGatewayHttpResolver, read_service: ReadService) -> None:
    @app.not_found
    def no_route(_error: NotFoundError) -> Response[str]:
        allowed = allowed_methods(document(app), app.current_event.path)
        if allowed and app.current_event.http_method not in allowed:
            return problem_response(ProblemDetails(ProblemType.METHOD_NOT_ALLOWED, allowed=allowed))
        return problem_response(ProblemDetails(ProblemType.NO_SUCH_PATH))

    @app.exception_handler(RequestValidationError)  # type: ignore[untyped-decorator] # Powertools' own
    def not_valid(error: RequestValidationError) -> Response[str]:
        return problem_response(invalid_request(validation_errors(error)))

    @app.exception_handler([CodatSyncError, *AWS_ERRORS])  # type: ignore[untyped-decorator] # the same
    def went_wrong(error: Exception) -> Response[str]:
        return problem_response(problem_for(error, read_service.now()))
