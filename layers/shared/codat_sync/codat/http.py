"""Send single requests to Codat within its rate limits, quota and time-outs.

https://docs.codat.io/using-the-api/overview. Callers build the requests and interpret the responses.
"""

import base64
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

import httpx

from codat_sync.codat.response import CodatResponse
from codat_sync.core.bounded_http_client import ResponseTooLargeError, limit_call
from codat_sync.core.errors import (
    CodatError,
    CodatNotFoundError,
    CodatResponseError,
    CodatResponseTooLargeError,
    CodatUnavailableError,
    CodatUnreachableError,
    InvalidBodyError,
    ValidationIssue,
)
from codat_sync.core.identifiers import is_identifier
from codat_sync.core.json_object import parse_object
from codat_sync.rate_limits.errors import GateClosedError
from codat_sync.rate_limits.limiter import RateLimiter
from codat_sync.rate_limits.quota import closure_from_429, closure_from_refusal, read_quota

if TYPE_CHECKING:
    from codat_sync.rate_limits.gate import SharedGate

# In seconds: for each read, and for a whole call from connecting to the last byte.
TIMEOUT = httpx.Timeout(10, connect=3)
MAX_RESPONSE_SECONDS = 15.0
# A call takes at most this long, including connecting: start it no later before the function's time-out.
MAX_CALL_SECONDS = 25
# Everything else in a query string is percent-encoded; what is encoded already stays so.
_QUERY_CHARACTERS = "/?:@!$&'()*+,;=~%[]"
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


class CodatHttpClient:
    """The only HTTP access to Codat. Safe to share between threads.

    ``http`` has Codat's base URL. While the gate is closed, every request raises GateClosedError without calling Codat.
    """

    def __init__(
        self,
        http: httpx.Client,
        api_key: Callable[[], str],
        limiter: RateLimiter,
        gate: "SharedGate",
        now: Callable[[], datetime],
    ) -> None:
        self._http = http
        self._api_key = api_key
        self._limiter = limiter
        self._gate = gate
        self.now = now
        self._clock = time.monotonic
        # On time.monotonic's clock: no request starts after it. Callers with limited time set it.
        self.deadline = math.inf
        self._lock = threading.Lock()
        self._results: Counter[str] = Counter()

    @property
    def seconds_left(self) -> float:
        """Return for how many seconds calls may still begin."""
        return self.deadline - self._clock()

    def take_status_counts(self) -> Counter[str]:
        """Return and reset the number of requests by HTTP status or ``unreachable``."""
        with self._lock:
            results, self._results = self._results, Counter()
        return results

    def send(
        self, request: httpx.Request, company_id: str | None, *, is_refusal_ignored: bool = False
    ) -> CodatResponse:
        """Send a request once and return Codat's response. A rejection closes the gate for all callers.

        With ``is_refusal_ignored``, for endpoints that not every key may use, a 402 or 403 does not close it.

        Raises GateClosedError and CodatUnreachableError if nothing was sent, CodatUnavailableError if that is unknown,
        and SecretUnavailableError.
        """
        key = base64.b64encode(self._api_key().encode()).decode()
        request.headers["Authorization"] = f"Basic {key}"
        with self._limiter.acquire(company_id):
            if self._clock() > self.deadline:
                raise CodatUnreachableError("no time left for the call")
            # Only now: the gate may have closed while this call waited for its slot.
            self._gate.require_open()
            answer = self._send(request)
        self._count(str(answer.status_code))
        if quota := read_quota(answer.headers, answer.received_at):
            self._gate.record_quota(quota)
        is_ignored = is_refusal_ignored and answer.status_code in {HTTPStatus.PAYMENT_REQUIRED, HTTPStatus.FORBIDDEN}
        if isinstance(error := map_error(answer), GateClosedError) and not is_ignored:
            self._gate.close(error.closure)
        return answer

    def build_request(
        self, method: str, path: str, query: Mapping[str, int | str] | str = "", content: bytes | None = None
    ) -> httpx.Request:
        """Build a request to Codat for ``send``. Raises InvalidBodyError for a URL that is too long to be sent."""
        try:
            if isinstance(query, Mapping):
                url = httpx.URL(path, params=query)
            else:
                url = httpx.URL(path, query=quote(query, safe=_QUERY_CHARACTERS).encode())
            return self._http.build_request(method, url, content=content, timeout=TIMEOUT)
        except httpx.InvalidURL as error:
            raise InvalidBodyError([ValidationIssue("path", f"can't be sent: {error}")]) from error

    def _send(self, request: httpx.Request) -> CodatResponse:
        """Send the request with an overall time-out, and read its response with an overall size."""
        try:
            with limit_call(MAX_RESPONSE_SECONDS):
                answer = self._http.send(request, stream=True)
                try:
                    content = self._read(answer)
                finally:
                    answer.close()
        except ResponseTooLargeError as error:
            self._count("tooLarge")
            raise CodatResponseTooLargeError(str(error)) from error
        except httpx.HTTPError as error:
            self._count("unreachable")
            kind = CodatUnreachableError if isinstance(error, _NOT_SENT) else CodatUnavailableError
            raise kind(f"{type(error).__name__}: {error}") from error
        return CodatResponse(answer.status_code, answer.reason_phrase, answer.headers, content, self.now())

    def _read(self, answer: httpx.Response) -> bytes:
        deadline = self._clock() + MAX_RESPONSE_SECONDS
        content = bytearray()
        for chunk in answer.iter_bytes():
            content += chunk
            if self._clock() > deadline:
                raise httpx.ReadTimeout(f"no complete response within {MAX_RESPONSE_SECONDS:.0f} s")
        return bytes(content)

    def _count(self, result: str) -> None:
        with self._lock:
            self._results[result] += 1


def map_error(answer: CodatResponse) -> CodatError:
    """Map a response to an error by its HTTP status: the body's status code may differ."""
    correlation_id, is_json = _read_error(answer.content)
    # Not Codat's own message: it may quote personal data, and errors are logged.
    text = f"HTTP {answer.status_code} {answer.reason_phrase}".strip()
    match answer.status_code:
        case 401 | 402 | 403:
            closure = closure_from_refusal(answer.status_code, answer.received_at)
            return GateClosedError(text, closure, is_refused_by_codat=True, correlation_id=correlation_id)
        case 429:
            closure = closure_from_429(answer.headers, answer.received_at)
            return GateClosedError(text, closure, is_refused_by_codat=True, correlation_id=correlation_id)
        case status if status >= httpx.codes.INTERNAL_SERVER_ERROR or status in {408, 409}:
            return CodatUnavailableError(text, correlation_id=correlation_id)
        case _ if answer.content.strip() and not is_json:
            # The page of a proxy, during maintenance: it says nothing about what was requested.
            return CodatUnavailableError(f"{text}, not from Codat's API: its body is not JSON")
        case 404:
            return CodatNotFoundError(text, correlation_id=correlation_id)
    return CodatResponseError(text, correlation_id=correlation_id)


def _read_error(content: bytes) -> tuple[str | None, bool]:
    """Return Codat's correlation id, None if there is none, and whether the body is a JSON object."""
    body = parse_object(content)
    found = (body or {}).get("correlationId")
    return (found if is_identifier(found) else None), body is not None
