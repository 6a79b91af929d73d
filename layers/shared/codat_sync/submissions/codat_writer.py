"""Write to Codat: send each request exactly once, and return Codat's response."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from codat_sync.codat.http import CodatHttpClient
    from codat_sync.codat.response import CodatResponse
    from codat_sync.submissions.expense_bodies import Kind

_JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class ForwardedRequest:
    """A request that is forwarded to Codat unchanged."""

    method: str
    path: str
    query: str
    content: bytes
    headers: Mapping[str, str]
    company_id: str | None


class CodatWriter:
    """Make Codat's write calls. Never retries: only the caller knows whether sending again is safe."""

    def __init__(self, connection: "CodatHttpClient") -> None:
        self._connection = connection

    def create(self, company_id: str, kind: "Kind", text: str, idempotency_key: str) -> "CodatResponse":
        """Send a create request. Raises what ``CodatHttpClient.send`` does."""
        return self._send("POST", company_id, _path(company_id, kind), text, {"Idempotency-Key": idempotency_key})

    def put(self, company_id: str, kind: "Kind", transaction_id: str, text: str) -> "CodatResponse":
        """Send an update, or create a transfer. These take no idempotency key.

        Raises what ``CodatHttpClient.send`` does.
        """
        return self._send("PUT", company_id, f"{_path(company_id, kind)}/{quote(transaction_id, safe='')}", text, {})

    def forward(self, request: ForwardedRequest) -> "CodatResponse":
        """Forward, once, a request that we do not handle. Raises what ``CodatHttpClient.send`` does."""
        outgoing = self._connection.build_request(request.method, request.path, request.query, request.content or None)
        outgoing.headers.update(request.headers)
        return self._connection.send(outgoing, request.company_id, is_refusal_ignored=True)

    def _send(self, method: str, company_id: str, path: str, text: str, headers: Mapping[str, str]) -> "CodatResponse":
        request = self._connection.build_request(method, path, "", text.encode())
        request.headers.update(_JSON | dict(headers))
        return self._connection.send(request, company_id)


def _path(company_id: str, kind: "Kind") -> str:
    return f"/companies/{quote(company_id, safe='')}/sync/expenses/{kind.value}"
