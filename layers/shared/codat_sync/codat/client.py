"""Read syncs, companies and configurations from Codat's API: https://docs.codat.io/sync-for-expenses-api."""

import math
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from urllib.parse import quote

import tenacity
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from pydantic.alias_generators import to_camel
from typing_extensions import TypedDict  # pydantic requires it before Python 3.12

from codat_sync.codat.http import map_error
from codat_sync.codat.parsing import ResponseParser
from codat_sync.companies.company import Company, Connection, build_company
from codat_sync.core.errors import (
    CodatInconsistentResponseError,
    CodatMalformedResponseError,
    CodatResponseError,
    CodatUnavailableError,
)
from codat_sync.core.identifiers import canonicalize, is_identifier
from codat_sync.core.pasted_secrets import read_api_key
from codat_sync.core.timestamps import parse_timestamp
from codat_sync.syncs.items import TransactionRow, truncate_message, truncate_name
from codat_sync.syncs.sync import SyncStatus

if TYPE_CHECKING:
    from codat_sync.codat.http import CodatHttpClient

T = TypeVar("T")

# A request uses the same quota whatever its page size, and its duration depends on the rows returned: a large page size
# is free for small syncs and minimizes the requests for large ones. Codat's documentation allows 5000 on one page and
# 2000 on another: this is half the smaller limit, to bound a response's time and memory.
PAGE_SIZE = 1000
_PAGES_AT_ONCE = 4
# A company has a handful of connections: one page of Codat's maximum size holds them all.
_CONNECTIONS_PAGE = {"page": 1, "pageSize": 100}
# Far more than any sync has, as Codat accepts 50 expenses per request: a higher total is an invalid response.
_MOST_TRANSACTIONS = 100_000

# A call with its retries takes less than 45 seconds, so that two in a row fit into the function's 120; then the queue
# retries.
RETRY = tenacity.Retrying(
    retry=tenacity.retry_if_exception(
        lambda error: isinstance(error, CodatUnavailableError | CodatMalformedResponseError)
    ),
    wait=tenacity.wait_random_exponential(multiplier=0.2, max=3),
    stop=tenacity.stop_after_attempt(3) | tenacity.stop_before_delay(25),
    reraise=True,
)


# Codat documents 32 bits; DynamoDB's numbers have 38 digits.
Int32 = Annotated[int, Field(ge=-(2**31), lt=2**31)]
Count = Annotated[int, Field(ge=0, lt=2**31)]


class StatusResponse(BaseModel):
    """Codat's response with the status of a sync. All fields but the code may be null."""

    model_config = ConfigDict(alias_generator=to_camel)

    company_id: str | None = None
    sync_id: str | None = None
    sync_status_code: Int32
    sync_status: str | None = None
    error_message: str | None = None
    sync_exception_message: str | None = None
    sync_utc: str | None = None
    data_pushed: bool | None = None


class TransactionPage(TypedDict):
    """A page of a sync's transactions. Its links are wrong in Codat's own examples, so pages are counted instead."""

    results: list[TransactionRow]
    totalResults: Count


class CompanyResponse(BaseModel):
    """Codat's response with a company, reduced to the fields in use."""

    name: str | None = None


class ConnectionPage(TypedDict):
    """A page of a company's connections."""

    results: list[Connection]


_ROW = TypeAdapter(TransactionRow)
_STATUS = ResponseParser(TypeAdapter(StatusResponse))
_STATUS_LIST = ResponseParser(TypeAdapter(list[StatusResponse]), TypeAdapter(StatusResponse))
_TRANSACTION_PAGE = ResponseParser(TypeAdapter(TransactionPage), _ROW, keep_invalid=True)
_COMPANY = ResponseParser(TypeAdapter(CompanyResponse))
_CONNECTION_PAGE = ResponseParser(TypeAdapter(ConnectionPage), TypeAdapter(Connection))
_TRANSACTION_ROWS = ResponseParser(TypeAdapter(list[TransactionRow]), _ROW, keep_invalid=True)
_CONFIGURATION = ResponseParser(TypeAdapter(dict[str, Any]))  # Codat's own format, shown unchanged


def parse_api_key(text: str) -> str:
    """Parse the key from ``{"apiKey": "…"}``. Raises SecretUnavailableError, without quoting it."""
    return read_api_key(text)


class SyncTransactions:
    """The transactions of a sync. Their total is known before all of them are read."""

    def __init__(
        self, first: TransactionPage, page: Callable[[int], TransactionPage], pool: ThreadPoolExecutor
    ) -> None:
        self.total = first["totalResults"]
        self._first = first["results"]
        self._page = page
        self._pool = pool

    def rows(self) -> list[TransactionRow]:
        """Fetch all rows, in Codat's order. Raises CodatError and SecretUnavailableError."""
        rows = list(self._first)
        if rows and len(rows) < self.total:
            # Codat may return smaller pages than requested: the first one's size is the page size.
            for page in self._pool.map(self._page, range(2, math.ceil(self.total / len(rows)) + 1)):
                rows += page["results"]
        if len(rows) != self.total:
            # The sync changed in between, or a response is wrong: never treat it as complete.
            raise CodatInconsistentResponseError(f"Codat announced {self.total} transactions and returned {len(rows)}")
        return rows


class CodatClient:
    """A client of Codat's API. Safe to share between threads.

    Ids must be valid: see ``codat_sync.core.identifiers``. Every call raises GateClosedError while the gate is closed.
    """

    _is_refusal_ignored = False

    def __init__(self, connection: "CodatHttpClient", retry: tenacity.Retrying = RETRY) -> None:
        self._connection = connection
        self._retry = retry
        self._pages = ThreadPoolExecutor(_PAGES_AT_ONCE, thread_name_prefix="page")

    def get_sync_status(self, company_id: str, sync_id: str) -> SyncStatus:
        """Fetch the status of a sync. Raises CodatError and SecretUnavailableError."""
        answer = self._get(company_id, _sync_path(company_id, sync_id) + "/status", {}, _STATUS)
        for requested, returned in ((company_id, answer.company_id), (sync_id, answer.sync_id)):
            if returned is not None and returned.lower() != requested.lower():
                raise CodatResponseError(f"requested {requested}, but Codat returned another id")
        return _build_status(company_id, sync_id, answer)

    def list_sync_statuses(self, company_id: str) -> list[SyncStatus]:
        """Fetch the statuses of all listed syncs of a company. Raises CodatError and SecretUnavailableError."""
        path = f"/companies/{quote(company_id, safe='')}/sync/expenses/syncs/list/status"
        answers = self._get(company_id, path, {}, _STATUS_LIST)
        if any(answer.company_id and answer.company_id.lower() != company_id.lower() for answer in answers):
            raise CodatResponseError(f"requested company {company_id}, but Codat returned another one")
        return [
            _build_status(company_id, canonicalize(answer.sync_id), answer)
            for answer in answers
            if is_identifier(answer.sync_id)
        ]

    def get_transactions(self, company_id: str, sync_id: str) -> "SyncTransactions":
        """Fetch the first page of a sync's transactions. Raises CodatError and SecretUnavailableError."""
        path = _sync_path(company_id, sync_id) + "/transactions"

        def page(number: int) -> TransactionPage:
            query = {"page": number, "pageSize": PAGE_SIZE}
            found = self._get(company_id, path, query, _TRANSACTION_PAGE)
            for row in found["results"]:
                row["message"] = truncate_message(row.get("message"))  # Now, as all pages are in memory together.
            return found

        first = page(1)
        if first["totalResults"] > _MOST_TRANSACTIONS:
            raise CodatResponseError(f"Codat announced {first['totalResults']} transactions")
        return SyncTransactions(first, page, self._pages)

    def get_sync_transaction(self, company_id: str, sync_id: str, transaction_id: str) -> list[TransactionRow]:
        """Fetch one transaction of a sync: a row for each of its integration types.

        Raises CodatError and SecretUnavailableError.
        """
        path = f"{_sync_path(company_id, sync_id)}/transactions/{quote(transaction_id, safe='')}"
        return self._get(company_id, path, {}, _TRANSACTION_ROWS)

    def get_configuration(self, company_id: str) -> dict[str, Any]:
        """Fetch a company's mapping configuration. Raises CodatError and SecretUnavailableError."""
        path = f"/companies/{quote(company_id, safe='')}/sync/expenses/config"
        return self._get(company_id, path, {}, _CONFIGURATION)

    def get_company(self, company_id: str) -> Company:
        """Fetch a company with its connections. Raises CodatError and SecretUnavailableError."""
        path = f"/companies/{quote(company_id, safe='')}"
        answer = self._get(company_id, path, {}, _COMPANY)
        connections = self._get(company_id, path + "/connections", _CONNECTIONS_PAGE, _CONNECTION_PAGE)
        return build_company(
            company_id, truncate_name(answer.name), [_truncate_fields(each) for each in connections["results"]]
        )

    def _get(self, company_id: str | None, path: str, query: Mapping[str, int | str], parser: ResponseParser[T]) -> T:
        answer: T = self._retry(self._get_once, company_id, path, query, parser)
        return answer

    def _get_once(
        self, company_id: str | None, path: str, query: Mapping[str, int | str], parser: ResponseParser[T]
    ) -> T:
        request = self._connection.build_request("GET", path, query)
        answer = self._connection.send(request, company_id, is_refusal_ignored=self._is_refusal_ignored)
        if answer.status_code != HTTPStatus.OK:
            raise map_error(answer)
        return parser.parse(answer.content, f"GET {path}")


def _sync_path(company_id: str, sync_id: str) -> str:
    return f"/companies/{quote(company_id, safe='')}/sync/expenses/syncs/{quote(sync_id, safe='')}"


def _build_status(company_id: str, sync_id: str, answer: StatusResponse) -> SyncStatus:
    return SyncStatus(
        company_id=company_id,
        sync_id=sync_id,
        code=answer.sync_status_code,
        status=truncate_name(answer.sync_status),
        error_message=truncate_message(answer.error_message),
        exception_message=truncate_message(answer.sync_exception_message),
        synced_at=parse_timestamp(answer.sync_utc),
        data_pushed=answer.data_pushed,
    )


def _truncate_fields(connection: Connection) -> Connection:
    return Connection(
        platformName=truncate_name(connection.get("platformName")),
        sourceType=truncate_name(connection.get("sourceType")),
        status=truncate_name(connection.get("status")),
    )
