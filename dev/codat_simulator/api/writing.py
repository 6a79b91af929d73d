"""Handle Codat's write endpoints."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

import httpx

from dev.codat_simulator.api.attachments import parse_attachment
from dev.codat_simulator.api.bodies import parse_configuration, parse_new_transactions, parse_updated_transactions
from dev.codat_simulator.api.errors import CodatApiError, not_found
from dev.codat_simulator.api.idempotency import HEADER
from dev.codat_simulator.api.representations import expense_connection_json
from dev.codat_simulator.api.routing import EXPENSES, Routes
from dev.codat_simulator.books.ledger import Ledger
from dev.codat_simulator.books.models import Company
from dev.codat_simulator.books.submissions import Kind, Method, Origin
from dev.codat_simulator.wire import JsonObject

MAX_BODY_BYTES = 6_000_000

# Responses to valid requests. There is no POST for transfers, and no PUT for adjustments.
STATUSES: Mapping[tuple[str, str], int] = {
    ("POST", "expense-transactions"): 200,
    ("PUT", "expense-transactions"): 202,
    ("POST", "reimbursable-expense-transactions"): 200,
    ("PUT", "reimbursable-expense-transactions"): 200,
    ("PUT", "transfer-transactions"): 200,
    ("POST", "adjustment-transactions"): 200,
}


@dataclass(frozen=True)
class Call:
    """A request to Codat with its context. The path's parts come from its route."""

    ledger: Ledger
    request: httpx.Request
    parts: dict[str, str]

    def company(self) -> Company:
        """Return the company in the path; raises a 404."""
        try:
            return self.ledger.company(self.parts["company_id"])
        except KeyError:
            raise not_found() from None

    def body(self) -> bytes:
        """Return the request's body; raises a 413."""
        content = self.request.read()
        if len(content) > MAX_BODY_BYTES:
            raise CodatApiError(413, "PayloadTooLarge", "False")
        return content


def _write(call: Call) -> tuple[int, JsonObject]:
    method, kind = cast("Method", call.request.method), cast("Kind", call.parts["kind"])
    if (method, kind) not in STATUSES:
        raise not_found()
    content, company = call.body(), call.company()
    if method == "POST":
        transactions = parse_new_transactions(kind, content)
    else:
        transactions = parse_updated_transactions(kind, call.parts["transaction_id"], content)
        if kind == "expense-transactions" and not company.updates_expenses:
            raise CodatApiError(422, f"{company.target_platform} does not support updates of expenses.", "False")
    origin = Origin(company.company_id, method, kind, call.request.headers.get(HEADER))
    submission = call.ledger.accept(company, origin, transactions)
    return STATUSES[method, kind], {"syncId": submission.sync_id}


def _set_config(call: Call) -> tuple[int, JsonObject]:
    configuration = parse_configuration(call.body())
    call.ledger.configure(call.company().company_id, configuration)
    return 200, configuration


def _connect_expenses(call: Call) -> tuple[int, JsonObject]:
    # Each simulated company has this connection from the start.
    return 200, expense_connection_json(call.company())


def _upload(call: Call) -> tuple[int, JsonObject]:
    parts = call.parts
    attachment = parse_attachment(call.ledger, call.company(), parts["sync_id"], parts["transaction_id"], call.request)
    call.ledger.attach(attachment)
    return 200, {
        "companyId": attachment.company_id,
        "id": attachment.attachment_id,
        "transactionId": attachment.transaction_id,
    }


ROUTES = Routes[Callable[[Call], tuple[int, JsonObject]]](
    ("POST", f"{EXPENSES}/config", _set_config),
    ("POST", f"{EXPENSES}/connections/partnerExpense", _connect_expenses),
    ("POST", f"{EXPENSES}/syncs/{{sync_id}}/transactions/{{transaction_id}}/attachments", _upload),
    ("POST", f"{EXPENSES}/{{kind}}", _write),
    ("PUT", f"{EXPENSES}/{{kind}}/{{transaction_id}}", _write),
)


def answer(ledger: Ledger, request: httpx.Request) -> tuple[int, JsonObject]:
    """Execute the request; raises CodatApiError, without any effect."""
    write, parts = ROUTES.find(request)
    return write(Call(ledger, request, parts))
