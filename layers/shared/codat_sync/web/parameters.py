"""Query and path parameters shared by the JSON API and the pages."""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Annotated, Literal

from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from codat_sync.core.errors import InvalidQueryError
from codat_sync.core.identifiers import canonicalize, is_identifier
from codat_sync.queries.sync_query import HistoryQuery, Period, Sort
from codat_sync.queries.sync_query import period as period_of
from codat_sync.syncs.status_codes import Outcome

_MAX_CURSOR_LENGTH = 300

First = Annotated[date | None, Query(alias="from", description="First day, in UTC. Defaults to 30 days ending on `to`")]
Last = Annotated[date | None, Query(alias="to", description="Last day, in UTC. Defaults to today")]
CompanyId = Annotated[str | None, Query(alias="companyId", description="Only syncs of this company")]
Search = Annotated[str | None, Query(description="A sync id, from any time, or a company id", max_length=128)]
Codes = Annotated[list[int] | None, Query(alias="code", description="Only these Codat status codes")]
Outcomes = Annotated[list[Outcome] | None, Query(alias="outcome", description="Only these outcomes")]
Statuses = Annotated[list[str] | None, Query(alias="status", description="Only these statuses, such as PushError")]
SortBy = Annotated[
    Sort, Query(description="JSON: orders other than `time` sort only the newest 1,000 syncs of the period")
]
Order = Annotated[Literal["asc", "desc"], Query(description="`desc` returns the newest or highest first")]
Limit = Annotated[int, Query(ge=1, le=200, description="Maximum number of results")]
Rows = Annotated[int, Query(ge=1, le=50, description="Maximum number of rows. Keeps pages under 100 KB")]
Cursor = Annotated[
    str | None,
    Query(max_length=_MAX_CURSOR_LENGTH, description="`nextCursor` of the previous page. Keep all other parameters"),
]
Format = Annotated[Literal["json", "csv"], Query(description="csv continues to the end and ignores `limit`")]
SyncId = Annotated[str, Path(description="Sync id")]
CompanyInPath = Annotated[str, Path(description="Company id")]
TransactionId = Annotated[str, Path(description="Transaction id")]


def identifier(parameter: str, value: str) -> str:
    """Validate and canonicalize an id from a request. Raises InvalidQueryError."""
    if not is_identifier(value):
        raise InvalidQueryError(parameter, "must be an id: at most 128 letters, digits and `._:@+=-`")
    return canonicalize(value)


def company_or_none(company_id: str | None) -> str | None:
    """Return the canonical company id, None for all companies. Raises InvalidQueryError."""
    return None if company_id is None else identifier("companyId", company_id)


def period(first: date | None, last: date | None, now: Callable[[], datetime]) -> Period:
    """Return the requested period, with defaults applied. Raises InvalidQueryError."""
    return period_of(first, last, now().date())


def history_query(  # noqa: PLR0913 - one per query parameter
    asked: Period,
    *,
    company_id: str | None,
    codes: Sequence[int] | None,
    outcomes: Sequence[Outcome] | None,
    sort: Sort,
    order: str,
    limit: int,
) -> HistoryQuery:
    """Build the query for the sync list. Raises InvalidQueryError."""
    return HistoryQuery(
        period=asked,
        company_id=company_or_none(company_id),
        codes=frozenset(codes or ()),
        outcomes=frozenset(outcomes or ()),
        sort=sort,
        newest_first=order == "desc",
        limit=limit,
    )
