"""The pages about a company, and about one of its transactions over all syncs.

They stand below `/company`: what is below `/companies` is Codat's own API, which submit passes on.
"""

from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from codat_sync.queries.sync_query import Query
from codat_sync.web.pages.components.chart import chart
from codat_sync.web.pages.components.periods import offered
from codat_sync.web.pages.rendering import not_found_page, page
from codat_sync.web.parameters import CompanyInPath, First, Last, TransactionId, identifier, period
from codat_sync.web.read_service import Reading

_LATEST = 10


def add_company_pages(app: APIGatewayHttpResolver, reading: Reading) -> None:
    """Add the pages about one company."""

    @app.get("/company/<company_id>")
    def company(company_id: CompanyInPath, first: First = None, last: Last = None) -> Response[Any]:
        wanted = identifier("companyId", company_id)
        asked = period(first, last, reading.now)
        found = reading.company(wanted)
        if not found.is_known:
            return not_found_page(app.context["request"], "company")
        totals = reading.browsing.totals(asked, wanted)
        return page(
            app.context["request"],
            "company.html",
            company_id=wanted,
            found=found,
            period=asked,
            offered=offered(asked, reading.now().date()),
            totals=totals,
            chart=chart(totals.days),
            latest=reading.browsing.history(Query(asked, wanted, limit=_LATEST), None).rows,
        )

    @app.get("/company/<company_id>/transactions/<transaction_id>")
    def transaction(company_id: CompanyInPath, transaction_id: TransactionId) -> Response[Any]:
        company, wanted = identifier("companyId", company_id), identifier("transactionId", transaction_id)
        found = reading.previewing.transaction(company, wanted)
        if not (found.standing.syncs or found.standing.submissions):
            return not_found_page(app.context["request"], "transaction")
        return page(
            app.context["request"],
            "transaction.html",
            company_id=company,
            transaction_id=wanted,
            plan=found.plan,
            standing=found.standing,
        )
