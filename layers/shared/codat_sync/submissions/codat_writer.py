"""What is written to Codat: each request is sent once, and whatever Codat answers is handed back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from codat_sync.codat.http import CodatHttpClient
    from codat_sync.codat.response import CodatResponse
    from codat_sync.submissions.expense_schemas import Kind

_JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class ForwardedRequest:
    """A request to Codat that is only passed on."""

    method: str
    path: str
    query: str
    content: bytes
    headers: Mapping[str, str]
    company_id: str | None


class CodatWriter:
    """Codat's writing calls. Nothing is ever sent again from here: who calls has to know what became of it."""

    def __init__(self, connection: "CodatHttpClient") -> None:
        self._connection = connection

    def create(self, company_id: str, kind: "Kind", text: str, idempotency_key: str) -> "CodatResponse":
        """Send a request that creates. Raises what ``CodatHttpClient.ask`` does."""
        return self._send("POST", company_id, _path(company_id, kind), text, {"Idempotency-Key": idempotency_key})

    def put(self, company_id: str, kind: "Kind", transaction_id: str, text: str) -> "CodatResponse":
        """Send a request that updates, or makes a transfer: it takes no key.

        Raises what ``CodatHttpClient.ask`` does.
        """
        return self._send("PUT", company_id, f"{_path(company_id, kind)}/{quote(transaction_id, safe='')}", text, {})

    def forward(self, request: ForwardedRequest) -> "CodatResponse":
        """Send on, once, what is no business of ours. Raises what ``CodatHttpClient.ask`` does."""
        made = self._connection.build_request(request.method, request.path, request.query, request.content or None)
        made.headers.update(request.headers)
        return self._connection.send(made, request.company_id, is_refusal_ignored=True)

    def _send(self, method: str, company_id: str, path: str, text: str, headers: Mapping[str, str]) -> "CodatResponse":
        request = self._connection.build_request(method, path, "", text.encode())
        request.headers.update(_JSON | dict(headers))
        return self._connection.send(request, company_id)


def _path(company_id: str, kind: "Kind") -> str:
    return f"/companies/{quote(company_id, safe='')}/sync/expenses/{kind.value}"
