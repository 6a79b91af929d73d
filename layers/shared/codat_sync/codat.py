"""Codat's API, as far as this application reads it: https://docs.codat.io/sync-for-expenses-api."""

import base64
import json
import math
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple, TypeVar
from urllib.parse import quote

import httpx
import tenacity
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel
from typing_extensions import TypedDict  # pydantic takes typing's own only from Python 3.12 on

from codat_sync.company import Company, Connection, company_of
from codat_sync.complaint import first_complaint
from codat_sync.errors import (
    CodatAnswerError,
    CodatError,
    CodatInconsistentError,
    CodatMalformedError,
    CodatNotFoundError,
    CodatUnavailableError,
    GateClosedError,
    SecretUnavailableError,
)
from codat_sync.instant import parse_instant
from codat_sync.quota import closure_of_429, closure_of_refusal, read_quota
from codat_sync.sync import SyncStatus
from codat_sync.transaction import TransactionRow, shorten

if TYPE_CHECKING:
    from codat_sync.gate import SharedGate
    from codat_sync.pace import Pace

T = TypeVar("T")

# A request costs the same of the daily quota whatever the page holds, and an answer takes as long as the rows that are
# there: so a small sync costs nothing more, and a large one the fewest requests. Codat's two pages on it allow 5000 and
# 2000; the smaller one, halved to bound what one answer takes in time and memory.
PAGE_SIZE = 1000
_PAGES_AT_ONCE = 4
# A company has a handful of connections: Codat's largest page holds them all.
_CONNECTIONS_PAGE = {"page": 1, "pageSize": 100}
# No sync comes near: Codat takes 50 expenses a request. An answer that announces more is not to be followed.
_MOST_TRANSACTIONS = 100_000

# In seconds: for each read, and for an answer as a whole.
TIMEOUT = httpx.Timeout(10, connect=3)
_LONGEST_ANSWER = 15.0
# A call that begins so long before the end of a function's time ends within it, its connection included.
SECONDS_OF_A_CALL = 25
# One call, its retries included, takes less than 45 seconds, so that two in a row end before the function's 120 do; the
# queue goes on from there.
RETRY = tenacity.Retrying(
    retry=tenacity.retry_if_exception(lambda error: isinstance(error, CodatUnavailableError | CodatMalformedError)),
    wait=tenacity.wait_random_exponential(multiplier=0.2, max=3),
    stop=tenacity.stop_after_attempt(3) | tenacity.stop_before_delay(25),
    reraise=True,
)


class StatusAnswer(BaseModel):
    """Codat's answer about the status of a sync. All but the code may be null."""

    model_config = ConfigDict(alias_generator=to_camel)

    company_id: str | None = None
    sync_id: str | None = None
    sync_status_code: int
    sync_status: str | None = None
    error_message: str | None = None
    sync_exception_message: str | None = None
    sync_utc: str | None = None
    data_pushed: bool | None = None


class TransactionPage(TypedDict):
    """A page of a sync's transactions. Its links are wrong in Codat's own examples: pages are counted instead."""

    results: list[TransactionRow]
    totalResults: int


class CompanyAnswer(BaseModel):
    """Codat's answer about a company, as far as it is kept."""

    name: str | None = None


class ConnectionPage(TypedDict):
    """A page of a company's connections."""

    results: list[Connection]


class ErrorAnswer(BaseModel):
    """Codat's answer when it refuses."""

    correlation_id: str | None = Field(None, alias="correlationId")


class _Answer(NamedTuple):
    """What came over the wire."""

    status_code: int
    reason_phrase: str
    headers: httpx.Headers
    content: bytes


_STATUS_ANSWER = TypeAdapter(StatusAnswer)
_TRANSACTION_PAGE = TypeAdapter(TransactionPage)
_COMPANY_ANSWER = TypeAdapter(CompanyAnswer)
_CONNECTION_PAGE = TypeAdapter(ConnectionPage)


def parse_api_key(text: str) -> str:
    """Return the key in ``{"apiKey": "…"}``. Raises SecretUnavailableError, without quoting it."""
    try:
        key = json.loads(text)["apiKey"]
    except (ValueError, LookupError, TypeError):
        key = None  # What was wrong may quote the secret.
    if not isinstance(key, str) or not key:
        raise SecretUnavailableError('the secret is not {"apiKey": "…"}')
    return key


class Transactions:
    """The transactions of a sync. How many they are is known before all of them are read."""

    def __init__(
        self, first: TransactionPage, page: Callable[[int], TransactionPage], pool: ThreadPoolExecutor
    ) -> None:
        self.total = first["totalResults"]
        self._first = first["results"]
        self._page = page
        self._pool = pool

    def rows(self) -> list[TransactionRow]:
        """Return all of them, in Codat's order. Raises CodatError and SecretUnavailableError."""
        rows = list(self._first)
        if rows and len(rows) < self.total:
            # Codat may give fewer a page than it was asked for: what the first one holds is the measure.
            for further in self._pool.map(self._page, range(2, math.ceil(self.total / len(rows)) + 1)):
                rows += further["results"]
        if len(rows) != self.total:
            # It changed in between, or an answer is not to be trusted: never take a part for the whole.
            raise CodatInconsistentError(f"Codat announced {self.total} transactions and gave {len(rows)}")
        return rows


class Codat:
    """Codat's API. Safe to share between threads. Ids have to be checked: see ``codat_sync.identifier``.

    ``http`` has Codat's address as its base URL. While the gate is closed every call raises GateClosedError, without
    asking Codat.
    """

    def __init__(
        self,
        http: httpx.Client,
        api_key: Callable[[], str],
        pace: "Pace",
        gate: "SharedGate",
        retry: tenacity.Retrying = RETRY,
    ) -> None:
        self._http = http
        self._clock = time.monotonic
        # Of time.monotonic: no request begins after it. Who has only so much time sets it.
        self.deadline = math.inf
        self._pace = pace
        self._gate = gate
        self._retry = retry
        self._api_key = api_key
        self._pages = ThreadPoolExecutor(_PAGES_AT_ONCE, thread_name_prefix="page")
        self._lock = threading.Lock()
        self._results: Counter[str] = Counter()

    def take_results(self) -> Counter[str]:
        """Return how many requests had which HTTP status, or were ``unreachable``, since this was asked last."""
        with self._lock:
            results, self._results = self._results, Counter()
        return results

    def sync_status(self, company_id: str, sync_id: str) -> SyncStatus:
        """Return what Codat says of a sync. Raises CodatError and SecretUnavailableError."""
        answer = self._get(_sync_path(company_id, sync_id) + "/status", {}, _STATUS_ANSWER.validate_json)
        for asked, answered in ((company_id, answer.company_id), (sync_id, answer.sync_id)):
            if answered is not None and answered.lower() != asked.lower():
                raise CodatAnswerError(f"asked about {asked}, Codat answered about another")
        return SyncStatus(
            company_id=company_id,
            sync_id=sync_id,
            code=answer.sync_status_code,
            status=answer.sync_status,
            error_message=answer.error_message,
            exception_message=answer.sync_exception_message,
            synced_at=parse_instant(answer.sync_utc),
            data_pushed=answer.data_pushed,
        )

    def transactions(self, company_id: str, sync_id: str) -> "Transactions":
        """Return the transactions of a sync, their first page read. Raises CodatError and SecretUnavailableError."""
        path = _sync_path(company_id, sync_id) + "/transactions"

        def page(number: int) -> TransactionPage:
            found = self._get(path, {"page": number, "pageSize": PAGE_SIZE}, _TRANSACTION_PAGE.validate_json)
            for row in found["results"]:
                shorten(row)  # At once: all pages are in memory together.
            return found

        first = page(1)
        if first["totalResults"] > _MOST_TRANSACTIONS:
            raise CodatAnswerError(f"Codat announced {first['totalResults']} transactions")
        return Transactions(first, page, self._pages)

    def company(self, company_id: str) -> Company:
        """Return what Codat says of a company and its connections. Raises CodatError and SecretUnavailableError."""
        path = f"/companies/{quote(company_id, safe='')}"
        answer = self._get(path, {}, _COMPANY_ANSWER.validate_json)
        connections = self._get(path + "/connections", _CONNECTIONS_PAGE, _CONNECTION_PAGE.validate_json)
        return company_of(company_id, answer.name, connections["results"])

    def _get(self, path: str, parameters: dict[str, int], parse: Callable[[bytes], T]) -> T:
        answer: T = self._retry(self._get_once, path, parameters, parse)
        return answer

    def _get_once(self, path: str, parameters: dict[str, int], parse: Callable[[bytes], T]) -> T:
        answer = self._ask(path, parameters)
        now = datetime.now(UTC)
        if quota := read_quota(answer.headers, now):
            self._gate.count(quota)
        if answer.status_code != httpx.codes.OK:
            error = _error(answer, now)
            if isinstance(error, GateClosedError):
                self._gate.close(error.closure)
            raise error
        try:
            return parse(answer.content)
        except ValidationError as error:
            raise CodatMalformedError(f"GET {path}: {first_complaint(error)}") from None

    def _ask(self, path: str, parameters: dict[str, int]) -> _Answer:
        key = base64.b64encode(self._api_key().encode()).decode()
        with self._pace.turn():
            if self._clock() > self.deadline:
                raise CodatUnavailableError("there was no time left to ask")
            # Only now: it may have closed while this call waited for its turn.
            self._gate.pass_through()
            try:
                answer = self._send(path, parameters, {"Authorization": f"Basic {key}"})
            except httpx.HTTPError as error:
                self._count("unreachable")
                raise CodatUnavailableError(f"{type(error).__name__}: {error}") from error
        self._count(str(answer.status_code))
        return answer

    def _send(self, path: str, parameters: dict[str, int], headers: dict[str, str]) -> _Answer:
        """Return the answer, if it is there in time: the time-outs of httpx are of each read, and there may be many."""
        deadline = self._clock() + _LONGEST_ANSWER
        content = bytearray()
        with self._http.stream("GET", path, params=parameters, headers=headers, timeout=TIMEOUT) as answer:
            for chunk in answer.iter_bytes():
                content += chunk
                if self._clock() > deadline:
                    raise httpx.ReadTimeout(f"the answer was not there within {_LONGEST_ANSWER:.0f} s")
        return _Answer(answer.status_code, answer.reason_phrase, answer.headers, bytes(content))

    def _count(self, result: str) -> None:
        with self._lock:
            self._results[result] += 1


def _sync_path(company_id: str, sync_id: str) -> str:
    return f"/companies/{quote(company_id, safe='')}/sync/expenses/syncs/{quote(sync_id, safe='')}"


def _error(answer: _Answer, now: datetime) -> CodatError:
    """Return the error that an answer stands for. The HTTP status decides: the body's may differ."""
    try:
        said = ErrorAnswer.model_validate_json(answer.content)
    except ValidationError:
        said = ErrorAnswer()
    # Not Codat's own words: they may quote what they are about, and errors are logged.
    text = f"HTTP {answer.status_code} {answer.reason_phrase}".strip()
    match answer.status_code:
        case 401 | 402 | 403:
            closure = closure_of_refusal(answer.status_code, now)
            return GateClosedError(text, closure, was_asked=True, correlation_id=said.correlation_id)
        case 404:
            return CodatNotFoundError(text, correlation_id=said.correlation_id)
        case 429:
            closure = closure_of_429(answer.headers, now)
            return GateClosedError(text, closure, was_asked=True, correlation_id=said.correlation_id)
        case status if status >= httpx.codes.INTERNAL_SERVER_ERROR or status in {408, 409}:
            return CodatUnavailableError(text, correlation_id=said.correlation_id)
    return CodatAnswerError(text, correlation_id=said.correlation_id)
