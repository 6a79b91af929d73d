"""The parameters of the JSON API and of the pages: what may be asked, and what is said of it."""

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

First = Annotated[date | None, Query(alias="from", description="The first day, in UTC; 30 days before the last")]
Last = Annotated[date | None, Query(alias="to", description="The last day, in UTC; today")]
CompanyId = Annotated[str | None, Query(alias="companyId", description="Only syncs of this company")]
Search = Annotated[str | None, Query(description="A sync's id, whenever it was; or a company's", max_length=128)]
Codes = Annotated[list[int] | None, Query(alias="code", description="Only these of Codat's status codes")]
Outcomes = Annotated[list[Outcome] | None, Query(alias="outcome", description="Only these outcomes")]
Statuses = Annotated[list[str] | None, Query(alias="status", description="Only these statuses, such as PushError")]
SortBy = Annotated[Sort, Query(description="By anything but time, the newest 1,000 of the period are sorted")]
Order = Annotated[Literal["asc", "desc"], Query(description="desc: the newest or the most first")]
Limit = Annotated[int, Query(ge=1, le=200, description="How many at most")]
Rows = Annotated[int, Query(ge=1, le=50, description="How many at most: a page weighs under 100 KB")]
Cursor = Annotated[
    str | None, Query(max_length=_MAX_CURSOR_LENGTH, description="`nextCursor` of the page before, all else unchanged")
]
Format = Annotated[Literal["json", "csv"], Query(description="csv: up to 5,000 rows, whatever the limit")]
SyncId = Annotated[str, Path(description="A sync's id")]
CompanyInPath = Annotated[str, Path(description="A company's id")]
TransactionId = Annotated[str, Path(description="A transaction's id")]


def identifier(parameter: str, value: str) -> str:
    """Return an id that came from outside. Raises InvalidQueryError if it can be none."""
    if not is_identifier(value):
        raise InvalidQueryError(parameter, "must be an id: letters, digits and `._:@+=-`, 128 at most")
    return canonicalize(value)


def company_or_none(company_id: str | None) -> str | None:
    """Return the company that is asked about, None for all. Raises InvalidQueryError."""
    return None if company_id is None else identifier("companyId", company_id)


def period(first: date | None, last: date | None, now: Callable[[], datetime]) -> Period:
    """Return the period that is asked for. Raises InvalidQueryError."""
    return period_of(first, last, now().date())


def history_query(  # noqa: PLR0913 - as many as can be asked for
    asked: Period,
    *,
    company_id: str | None,
    codes: Sequence[int] | None,
    outcomes: Sequence[Outcome] | None,
    sort: Sort,
    order: str,
    limit: int,
) -> HistoryQuery:
    """Return what is asked of the history. Raises InvalidQueryError."""
    return HistoryQuery(
        period=asked,
        company_id=company_or_none(company_id),
        codes=frozenset(codes or ()),
        outcomes=frozenset(outcomes or ()),
        sort=sort,
        newest_first=order == "desc",
        limit=limit,
    )
