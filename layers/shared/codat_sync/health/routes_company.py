"""The JSON API: a company, and its configuration."""

from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from codat_sync.health import present
from codat_sync.health.answers import OF_CODAT, PREFIX, answered, answers
from codat_sync.health.parameters import CompanyInPath, identifier
from codat_sync.health.problems import not_found
from codat_sync.health.reading import Reading
from codat_sync.health.schemas import CompanyHealth, Configuration


def add_company(app: APIGatewayHttpResolver, reading: Reading) -> None:
    """Add the routes of one company."""

    @app.get(
        f"{PREFIX}/companies/<company_id>",
        summary="A company, with its latest sync and its last successful one",
        responses=answers(CompanyHealth),
    )
    def company(company_id: CompanyInPath) -> Response[Any]:
        """Costs three requests; more if its last successful sync is far back, 31 at most."""
        wanted = identifier("companyId", company_id)
        found = present.company_health(reading.company(wanted))
        return answered(found) if found.company or found.latest else not_found("company")

    @app.get(
        f"{PREFIX}/companies/<company_id>/configuration",
        summary="A company's configuration, as Codat has it",
        responses=answers(Configuration, OF_CODAT),
    )
    def configuration(company_id: CompanyInPath) -> Response[Any]:
        """Costs a request of Codat's quota, of what is kept for people."""
        wanted = identifier("companyId", company_id)
        found = reading.live.configuration(wanted)
        if found is None:
            return not_found("company, or it has no configuration")
        return answered(Configuration(company_id=wanted, configuration=found))
