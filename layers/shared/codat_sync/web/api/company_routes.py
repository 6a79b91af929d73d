"""The JSON API: a company, its configuration, and how complete what is known of all of them is."""

from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from codat_sync.web.api import presenters
from codat_sync.web.api.responses import CODAT_PROBLEMS, PREFIX, documented_responses, json_response
from codat_sync.web.api.schemas import CompanyHealth, Completeness, Configuration
from codat_sync.web.parameters import CompanyInPath, identifier
from codat_sync.web.problems import not_found
from codat_sync.web.read_service import ReadService


def add_completeness(app: APIGatewayHttpResolver, read_service: ReadService) -> None:
    """Add the route of how complete the table is."""

    @app.get(
        f"{PREFIX}/completeness",
        summary="As of when all is known that Codat lists, and whether webhooks come",
        responses=documented_responses(Completeness),
    )
    def completeness() -> Response[Any]:
        """Costs two requests."""
        return json_response(Completeness.model_validate(read_service.load_completeness()))


def add_company(app: APIGatewayHttpResolver, read_service: ReadService) -> None:
    """Add the routes of one company."""

    @app.get(
        f"{PREFIX}/companies/<company_id>",
        summary="A company, with its latest sync and its last successful one",
        responses=documented_responses(CompanyHealth),
    )
    def company(company_id: CompanyInPath) -> Response[Any]:
        """Costs four requests; more if its last successful sync is far back, 32 at most."""
        wanted = identifier("companyId", company_id)
        found = read_service.company(wanted)
        return json_response(presenters.company_health(found)) if found.is_not_erased else not_found("company")

    @app.get(
        f"{PREFIX}/companies/<company_id>/configuration",
        summary="A company's configuration, as Codat has it",
        responses=documented_responses(Configuration, CODAT_PROBLEMS),
    )
    def configuration(company_id: CompanyInPath) -> Response[Any]:
        """Costs a request of Codat's quota, of what is kept for people."""
        wanted = identifier("companyId", company_id)
        found = read_service.live.fetch_configuration(wanted)
        if found is None:
            return not_found("company, or it has no configuration")
        return json_response(Configuration(company_id=wanted, configuration=found))
