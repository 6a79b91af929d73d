"""Query and path parameters shared by the JSON API and the pages."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import wraps
from inspect import Parameter, signature
from typing import Annotated, Any, Concatenate, Literal, ParamSpec, TypeVar

from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from codat_sync.audit.entry import Action
from codat_sync.companies.company import ConnectionState
from codat_sync.core.errors import InvalidQueryError
from codat_sync.core.identifiers import IDENTIFIER_PATTERN, canonicalize, is_identifier
from codat_sync.queries.audit_log import AuditQuery
from codat_sync.queries.companies.company_list import CompanyQuery, CompanySort
from codat_sync.queries.failures.failed_items import FailureQuery
from codat_sync.queries.sync_query import HistoryQuery, Period, Sort
from codat_sync.queries.sync_query import period as period_of
from codat_sync.queries.worklist import WorkQuery
from codat_sync.retries.preview import MAX_PLANNED
from codat_sync.syncs.status_codes import Outcome
from codat_sync.syncs.work_category import OPEN_CATEGORIES, WorkCategory

_MAX_CURSOR_LENGTH = 300
# Codat's have four digits. A bulk retry stores its codes, and DynamoDB's numbers have 38 at most.
_MAX_CODE = 99_999
_CAUSE_ID = re.compile(r"[0-9a-f]{16}", re.ASCII)
_A_CAUSE_ID = {"pattern": f"^{_CAUSE_ID.pattern}$"}
# Only documented here: `identifier` checks it, with a better explanation than pydantic's. An empty id is none.
_AN_ID = {"pattern": f"^{IDENTIFIER_PATTERN}$"}

T = TypeVar("T")
P = ParamSpec("P")
R = TypeVar("R")

First = Annotated[date | None, Query(alias="from", description="First day, in UTC. Defaults to 30 days ending on `to`")]
Last = Annotated[date | None, Query(alias="to", description="Last day, in UTC. Defaults to today")]
CompanyId = Annotated[
    str | None, Query(alias="companyId", description="Only syncs of this company", json_schema_extra=_AN_ID)
]
Search = Annotated[str | None, Query(description="A sync id, from any time, or a company id", max_length=128)]
ItemSearch = Annotated[str | None, Query(description="Part of an item id or of a data type", max_length=128)]
Codes = Annotated[list[int] | None, Query(alias="code", description="Only these Codat status codes")]
Cause = Annotated[
    str | None,
    Query(
        alias="cause", description="Only failures with this cause: the `causeId` of one", json_schema_extra=_A_CAUSE_ID
    ),
]
BulkRetryId = Annotated[str, Path(description="Bulk retry id", json_schema_extra=_AN_ID)]
CauseInPath = Annotated[str, Path(description="Cause id", json_schema_extra=_A_CAUSE_ID)]
Outcomes = Annotated[list[Outcome] | None, Query(alias="outcome", description="Only these outcomes")]
Categories = Annotated[
    list[WorkCategory] | None, Query(alias="category", description="Only failed syncs of these categories")
]
WorkCategories = Annotated[
    list[WorkCategory] | None, Query(alias="category", description="Only these categories. Defaults to the open ones")
]
Statuses = Annotated[list[str] | None, Query(alias="status", description="Only these statuses, such as PushError")]
SortBy = Annotated[
    Sort, Query(description="JSON: orders other than `time` sort only the newest 1,000 syncs of the period")
]
Order = Annotated[Literal["asc", "desc"], Query(description="`desc` returns the newest or highest first")]
Limit = Annotated[int, Query(ge=1, le=200, description="Maximum number of results")]
Few = Annotated[int, Query(ge=1, le=25, description="Maximum number of results, each of which is counted")]
Rows = Annotated[int, Query(ge=1, le=50, description="Maximum number of rows. Keeps pages under 100 KB")]
Cursor = Annotated[
    str | None,
    Query(max_length=_MAX_CURSOR_LENGTH, description="`nextCursor` of the previous page. Keep all other parameters"),
]
Format = Annotated[Literal["json", "csv"], Query(description="csv continues to the end and ignores `limit`")]
PageFormat = Annotated[
    Literal["html", "csv"], Query(description="csv is a file for people; it continues to the end and ignores `limit`")
]
Actions = Annotated[list[Action] | None, Query(alias="action", description="Only these actions")]
Actor = Annotated[str | None, Query(description="Only actors whose name or id contains this", max_length=128)]
SearchText = Annotated[
    str,
    Query(
        description="Any text, of which up to 200 characters are used: the beginning of a sync's, company's or"
        " transaction's id, of a word of a company's name, a merchant or a reference, or of an amount"
    ),
]
SyncId = Annotated[str, Path(description="Sync id", json_schema_extra=_AN_ID)]
CompanyInPath = Annotated[str, Path(description="Company id", json_schema_extra=_AN_ID)]
TransactionId = Annotated[str, Path(description="Transaction id", json_schema_extra=_AN_ID)]
Selection = Annotated[
    list[str] | None,
    Query(alias="transactionId", description=f"Only these transactions, at most {MAX_PLANNED}", max_length=MAX_PLANNED),
]


CompanyText = Annotated[
    str | None, Query(alias="search", description="Part of a company's name, id or platform", max_length=128)
]
Connections = Annotated[
    list[ConnectionState] | None, Query(alias="connection", description="Only companies with these connection states")
]
OpenFailures = Annotated[
    bool | None, Query(alias="hasOpenFailures", description="Only companies with open failures (true), or without")
]
CompanySortBy = Annotated[CompanySort, Query(alias="sort", description="Unknown values come last in either order")]


def identifier(parameter: str, value: str) -> str:
    """Validate and canonicalize an id from a request. Raises InvalidQueryError."""
    if not is_identifier(value):
        raise InvalidQueryError(parameter, "must be an id: at most 128 letters, digits and `._:@+=-`")
    return canonicalize(value)


def selection(parameter: str, values: Sequence[str] | None) -> tuple[str, ...] | None:
    """Validate and canonicalize the ids in a request, without duplicates; None for all. Raises InvalidQueryError."""
    return None if values is None else tuple(dict.fromkeys(identifier(parameter, each) for each in values))


def cause_identifier(parameter: str, value: str) -> str:
    """Validate the id of a cause from a request. Raises InvalidQueryError."""
    if not _CAUSE_ID.fullmatch(value):
        raise InvalidQueryError(parameter, "must be the id of a cause: 16 hexadecimal digits, in lower case")
    return value


def asked_period(now: Callable[[], datetime], first: First = None, last: Last = None) -> Period:
    """Return the requested period, with defaults applied. Raises InvalidQueryError."""
    return period_of(first, last, now().date())


def asked_syncs(
    now: Callable[[], datetime], company_id: CompanyId = None, first: First = None, last: Last = None
) -> HistoryQuery:
    """Return the query for all syncs of the requested period, or those of a company. Raises InvalidQueryError."""
    company = None if company_id is None else identifier("companyId", company_id)
    return HistoryQuery(asked_period(now, first, last), company)


def asked_failed_syncs(
    now: Callable[[], datetime],
    company_id: CompanyId = None,
    first: First = None,
    last: Last = None,
    code: Codes = None,
) -> HistoryQuery:
    """Return the query for the syncs whose failures are counted by cause. Raises InvalidQueryError."""
    return replace(asked_syncs(now, company_id, first, last), codes=frozenset(code or ()))


def asked_failures(  # noqa: PLR0913, PLR0917 - one per query parameter
    now: Callable[[], datetime],
    company_id: CompanyId = None,
    first: First = None,
    last: Last = None,
    code: Codes = None,
    cause: Cause = None,
) -> FailureQuery:
    """Return the query for failed items. Raises InvalidQueryError."""
    cause_id = None if cause is None else cause_identifier("cause", cause)
    if not all(0 <= each <= _MAX_CODE for each in code or ()):
        raise InvalidQueryError("code", f"must be a status code: at most {_MAX_CODE}")
    return FailureQuery(asked_failed_syncs(now, company_id, first, last, code), cause_id)


def asked_history(  # noqa: PLR0913, PLR0917 - one per query parameter
    now: Callable[[], datetime],
    company_id: CompanyId = None,
    first: First = None,
    last: Last = None,
    code: Codes = None,
    outcome: Outcomes = None,
    category: Categories = None,
    sort: SortBy = Sort.TIME,
    order: Order = "desc",
) -> HistoryQuery:
    """Return the query for the sync list. Raises InvalidQueryError."""
    return replace(
        asked_syncs(now, company_id, first, last),
        codes=frozenset(code or ()),
        outcomes=frozenset(outcome or ()),
        categories=frozenset(category or ()),
        sort=sort,
        newest_first=order == "desc",
    )


def asked_companies(
    search: CompanyText = None,
    connection: Connections = None,
    has_open_failures: OpenFailures = None,
    sort: CompanySortBy = CompanySort.NAME,
    order: Order = "asc",
) -> CompanyQuery:
    """Return the query for the list of companies."""
    return CompanyQuery(search or "", frozenset(connection or ()), has_open_failures, sort, order == "desc")


def asked_work(category: WorkCategories = None, company_id: CompanyId = None, order: Order = "desc") -> WorkQuery:
    """Return the query for the worklist, by default for what is open. Raises InvalidQueryError."""
    company = None if company_id is None else identifier("companyId", company_id)
    chosen = tuple(each for each in WorkCategory if each in (category or OPEN_CATEGORIES))
    return WorkQuery(chosen, company, newest_first=order == "desc")


def asked_audit(
    now: Callable[[], datetime],
    first: First = None,
    last: Last = None,
    action: Actions = None,
    actor: Actor = None,
) -> AuditQuery:
    """Return the query for the audit. Raises InvalidQueryError."""
    return AuditQuery(asked_period(now, first, last), frozenset(action or ()), actor or "")


def takes(parse: Callable[..., T]) -> Callable[[Callable[Concatenate[T, P], R]], Callable[..., R]]:
    """Give a route the parameters of ``parse``, and pass it their result as its first argument.

    Powertools' ``Depends`` passes no query parameters to a dependency, and documents those of a model as plain texts.
    """

    def decorate(route: Callable[Concatenate[T, P], R]) -> Callable[..., R]:
        parsed = signature(parse).parameters
        _, *own = signature(route).parameters.values()

        @wraps(route)
        def handle(**values: Any) -> R:  # noqa: ANN401 - of the types that the signature states
            asked = parse(**{name: values.pop(name) for name in parsed})
            return route(asked, **values)  # type: ignore[call-arg] # the parameters of ``own``

        handle.__signature__ = signature(route).replace(  # type: ignore[attr-defined] # read by inspect.signature
            parameters=sorted([*parsed.values(), *own], key=lambda each: each.default is not Parameter.empty)
        )
        return handle

    return decorate
