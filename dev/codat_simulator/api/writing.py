"""Handle Codat's write endpoints."""

import re
from collections.abc import Mapping
from typing import cast

import httpx

from dev.codat_simulator.api.bodies import parse_new_transactions, parse_updated_transactions
from dev.codat_simulator.api.errors import CodatApiError, not_found
from dev.codat_simulator.api.idempotency import HEADER
from dev.codat_simulator.books.ledger import Ledger
from dev.codat_simulator.books.submissions import Kind, Method, Origin
from dev.codat_simulator.wire import JsonObject

MAX_BODY_BYTES = 6_000_000

_PATH = re.compile(r"/companies/([^/]+)/sync/expenses/([^/]+)(?:/([^/]+))?")
# Responses to valid requests. There is no POST for transfers, and no PUT for adjustments.
_STATUSES: Mapping[tuple[str, str], int] = {
    ("POST", "expense-transactions"): 200,
    ("PUT", "expense-transactions"): 202,
    ("POST", "reimbursable-expense-transactions"): 200,
    ("PUT", "reimbursable-expense-transactions"): 202,
    ("PUT", "transfer-transactions"): 200,
    ("POST", "adjustment-transactions"): 200,
}


def answer(ledger: Ledger, request: httpx.Request) -> tuple[int, JsonObject]:
    """Execute the request; raises CodatApiError, without any effect."""
    origin, transaction_id = _route(request)
    content = request.read()
    if len(content) > MAX_BODY_BYTES:
        raise CodatApiError(413, "PayloadTooLarge", "False")
    try:
        company = ledger.company(origin.company_id)
    except KeyError:
        raise not_found() from None
    if transaction_id is None:
        transactions = parse_new_transactions(origin.kind, content)
    else:
        transactions = parse_updated_transactions(origin.kind, transaction_id, content)
    submission = ledger.accept(company, origin, transactions)
    return _STATUSES[origin.method, origin.kind], {"syncId": submission.sync_id}


def _route(request: httpx.Request) -> tuple[Origin, str | None]:
    match = _PATH.fullmatch(request.url.path)
    if match is None or (request.method, match[2]) not in _STATUSES or (request.method == "PUT") != bool(match[3]):
        raise not_found()
    key = request.headers.get(HEADER)
    return Origin(match[1], cast("Method", request.method), cast("Kind", match[2]), key), match[3]
