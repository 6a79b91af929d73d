"""Pages for all companies, for one of them, and for one of its transactions across all syncs.

Their paths start with `/company`, because `/companies` is Codat's own API, which submit proxies.
"""

from dataclasses import replace
from functools import partial
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from codat_sync.queries.companies.company_list import CompanyQuery, CompanySort
from codat_sync.queries.sync_query import HistoryQuery, Period
from codat_sync.web import csv_export
from codat_sync.web.csv_cells import Style
from codat_sync.web.pages.components.chart import chart
from codat_sync.web.pages.components.periods import offered
from codat_sync.web.pages.components.transaction_course import course
from codat_sync.web.pages.rendering import not_found_page, page
from codat_sync.web.parameters import (
    CompanyInPath,
    Cursor,
    PageFormat,
    Rows,
    TransactionId,
    asked_companies,
    asked_period,
    identifier,
    takes,
)
from codat_sync.web.read_service import ReadService

_LATEST = 10
_COLUMNS = (
    ("Company", CompanySort.NAME),
    ("Platform", CompanySort.PLATFORM),
    ("Connection", CompanySort.CONNECTION),
    ("Latest sync", CompanySort.LAST_SYNC),
    ("Open failures", CompanySort.OPEN_FAILURES),
    ("Complete as of", CompanySort.COMPLETE_AS_OF),
)


def add_company_pages(app: APIGatewayHttpResolver, read_service: ReadService) -> None:
    """Add the pages of companies and transactions."""

    @app.get("/company")
    @takes(asked_companies)
    def companies(
        query: CompanyQuery,
        limit: Rows = 25,
        cursor: Cursor = None,
        format: PageFormat = "html",  # noqa: A002 - the parameter's name
    ) -> Response[Any]:
        query = replace(query, limit=limit)
        if format == "csv":
            return csv_export.export_companies(read_service.list_all_companies(query), Style.PEOPLE)
        return page(
            app.context["request"],
            "companies.html",
            query=query,
            found=read_service.list_companies(query, cursor),
            columns=_COLUMNS,
        )

    @app.get("/company/<company_id>")
    @takes(partial(asked_period, read_service.now))
    def company(asked: Period, company_id: CompanyInPath) -> Response[Any]:
        wanted = identifier("companyId", company_id)
        found = read_service.company(wanted)
        if not found.exists:
            return not_found_page(app.context["request"], "company")
        totals = read_service.sync_history.totals(asked, wanted)
        return page(
            app.context["request"],
            "company.html",
            company_id=wanted,
            found=found,
            period=asked,
            offered=offered(asked, read_service.now().date()),
            totals=totals,
            chart=chart(totals.days),
            latest=read_service.sync_history.load_page(HistoryQuery(asked, wanted, limit=_LATEST), None),
        )

    @app.get("/company/<company_id>/transactions/<transaction_id>")
    def transaction(company_id: CompanyInPath, transaction_id: TransactionId) -> Response[Any]:
        company, wanted = identifier("companyId", company_id), identifier("transactionId", transaction_id)
        request = app.context["request"]
        found = read_service.load_expense(company, wanted, may_see_expenses=request.visitor.may_see_expenses)
        if not found.is_known:
            return not_found_page(request, "transaction")
        return page(
            request,
            "transaction.html",
            company_id=company,
            company_name=read_service.load_company_name(company),
            transaction_id=wanted,
            card=found,
            plan=found.planned.plan,
            course=course(found.planned.history),
        )
