"""JSON API routes for companies, their configuration and completeness."""

from dataclasses import replace
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from codat_sync.queries.companies.company_list import CompanyQuery
from codat_sync.web import csv_export
from codat_sync.web.api import presenters
from codat_sync.web.api.responses import CODAT_PROBLEMS, PREFIX, Tag, documented_responses, json_response
from codat_sync.web.api.schemas import CompanyHealth, CompanyPage, Completeness, Configuration
from codat_sync.web.parameters import CompanyInPath, Cursor, Format, Limit, asked_companies, identifier, takes
from codat_sync.web.problems import not_found
from codat_sync.web.read_service import ReadService


def add_completeness(app: APIGatewayHttpResolver, read_service: ReadService) -> None:
    """Add the completeness route."""

    @app.get(
        f"{PREFIX}/completeness",
        operation_id="getCompleteness",
        tags=[Tag.OPERATIONS],
        summary="Get the completeness compared with Codat's list, and the webhook endpoint's state",
        responses=documented_responses(Completeness),
    )
    def completeness() -> Response[Any]:
        """Costs two table requests."""
        return json_response(Completeness.model_validate(read_service.load_completeness()))


def add_companies(app: APIGatewayHttpResolver, read_service: ReadService) -> None:
    """Add the list of companies."""

    @app.get(
        f"{PREFIX}/companies",
        operation_id="listCompanies",
        tags=[Tag.COMPANIES],
        summary="List companies",
        responses=documented_responses(CompanyPage, is_list=True),
    )
    @takes(asked_companies)
    def companies(
        query: CompanyQuery,
        limit: Limit = 50,
        cursor: Cursor = None,
        format: Format = "json",  # noqa: A002 - the parameter's name
    ) -> Response[Any]:
        """Costs seven table requests, and one more per megabyte: about 1,200 companies."""
        query = replace(query, limit=limit)
        if format == "csv":
            return csv_export.export_companies(read_service.list_all_companies(query))
        return json_response(presenters.company_page(read_service.list_companies(query, cursor)))


def add_company(app: APIGatewayHttpResolver, read_service: ReadService) -> None:
    """Add the routes of a company."""

    @app.get(
        f"{PREFIX}/companies/<company_id>",
        operation_id="getCompany",
        tags=[Tag.COMPANIES],
        summary="Get a company, with its latest sync and its last successful one",
        responses=documented_responses(CompanyHealth),
    )
    def company(company_id: CompanyInPath) -> Response[Any]:
        """Costs four table requests; more if the last successful sync is old."""
        wanted = identifier("companyId", company_id)
        found = read_service.company(wanted)
        return json_response(presenters.company_health(found)) if found.exists else not_found("company")

    @app.get(
        f"{PREFIX}/companies/<company_id>/configuration",
        operation_id="getCompanyConfiguration",
        tags=[Tag.COMPANIES],
        summary="Get a company's current configuration in Codat",
        responses=documented_responses(Configuration, CODAT_PROBLEMS),
    )
    def configuration(company_id: CompanyInPath) -> Response[Any]:
        """Costs one request of the Codat quota reserved for users."""
        wanted = identifier("companyId", company_id)
        found = read_service.live.fetch_configuration(wanted)
        if found is None:
            return not_found("company, or it has no configuration")
        name = read_service.load_company_name(wanted)
        return json_response(Configuration(company_id=wanted, company_name=name, configuration=found))
