"""Routes of the pages, and the error pages for exceptions."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError

from codat_sync.aws.errors import AWS_ERRORS
from codat_sync.bulk_retries.commands import BulkRetryClient
from codat_sync.core.errors import CodatSyncError
from codat_sync.core.problems import invalid_request
from codat_sync.dead_letters.service import DeadLetterService
from codat_sync.retries.lambda_client import RetryClient
from codat_sync.web.pages.company_pages import add_company_pages
from codat_sync.web.pages.failures.bulk_retry_pages import add_bulk_retry_pages
from codat_sync.web.pages.failures.cause_pages import add_cause_pages
from codat_sync.web.pages.history_pages import add_history_pages
from codat_sync.web.pages.operations.audit_pages import add_audit_pages
from codat_sync.web.pages.operations.dead_letter_pages import add_dead_letter_pages
from codat_sync.web.pages.operations.unknown_outcome_pages import add_unknown_outcome_pages
from codat_sync.web.pages.rendering import not_found_page, problem_page
from codat_sync.web.pages.request import PageRequest
from codat_sync.web.pages.retry_pages import add_retry_pages
from codat_sync.web.pages.site_pages import add_assets, add_theme
from codat_sync.web.pages.sync_pages import add_sync_pages
from codat_sync.web.pages.worklist_pages import add_worklist_pages
from codat_sync.web.problems import problem_for, validation_errors
from codat_sync.web.read_service import ReadService
from codat_sync.web.search.pages import add_search_pages

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

# API Gateway events and responses: JSON in AWS's format.
Json = dict[str, Any]


@dataclass(frozen=True)
class Pages:
    """Resolves page requests."""

    app: APIGatewayHttpResolver

    def resolve(self, event: Json, context: "LambdaContext", request: PageRequest) -> Json:
        """Respond to an API Gateway event (payload 2.0) that was parsed into ``request``."""
        named: dict[str, list[str]] = {}
        for name, value in request.query:
            named.setdefault(name, []).append(value)
        # In API Gateway's format, but without empty parameters.
        asked = event | {"queryStringParameters": {name: ",".join(values) for name, values in named.items()}}
        self.app.append_context(request=request)  # type: ignore[no-untyped-call] # Powertools' own
        return self.app.resolve(asked, context)


def pages(read_service: ReadService, retry: RetryClient, letters: DeadLetterService) -> Pages:
    """Build the resolver with all page routes."""
    app = APIGatewayHttpResolver(enable_validation=True)
    add_assets(app)
    add_theme(app)
    add_history_pages(app, read_service)
    add_cause_pages(app, read_service)
    add_bulk_retry_pages(app, read_service, BulkRetryClient(retry))
    add_search_pages(app, read_service.searches)
    add_sync_pages(app, read_service)
    add_retry_pages(app, read_service, retry)
    add_company_pages(app, read_service)
    add_unknown_outcome_pages(app, read_service, retry)
    add_worklist_pages(app, read_service, retry)
    add_audit_pages(app, read_service)
    add_dead_letter_pages(app, letters, read_service)
    _add_problems(app, read_service)
    return Pages(app)


def _add_problems(app: APIGatewayHttpResolver, read_service: ReadService) -> None:
    @app.not_found
    def no_page(_error: NotFoundError) -> Response[str]:
        return not_found_page(app.context["request"], "page")

    @app.exception_handler(RequestValidationError)  # type: ignore[untyped-decorator] # Powertools' own
    def not_valid(error: RequestValidationError) -> Response[str]:
        return problem_page(app.context["request"], invalid_request(validation_errors(error)))

    @app.exception_handler([CodatSyncError, *AWS_ERRORS])  # type: ignore[untyped-decorator] # the same
    def went_wrong(error: Exception) -> Response[str]:
        return problem_page(app.context["request"], problem_for(error, read_service.now()))
