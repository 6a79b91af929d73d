"""Send a product's requests to submit, as API Gateway does."""

import base64
import json
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from dev.stored_events import COMPANY_ID, load
from tests.support.aws import API_KEY
from tests.support.handlers import Handler

EXPENSES = f"/companies/{COMPANY_ID}/sync/expenses/expense-transactions"
AUTHORIZED = "Basic " + base64.b64encode(API_KEY.encode()).decode()


@dataclass(frozen=True)
class Answered:
    """A parsed response."""

    status: int
    body: Any
    headers: dict[str, str]


def expense(transaction_id: str | None = None, **more: object) -> dict[str, Any]:
    """Return an expense that Codat accepts."""
    made = {
        "id": transaction_id or str(uuid4()),
        "type": "Payment",
        "issueDate": "2026-11-24T00:00:00+00:00",
        "currency": "GBP",
        "lines": [{"netAmount": 100.10, "taxAmount": 20}],
    }
    return made | more


def ask(
    submit: Handler, method: str, path: str, body: object = None, query: str = "", **headers: str | None
) -> Answered:
    """Let submit handle a request; a body that is text is sent unchanged."""
    text = body if isinstance(body, str) else json.dumps(body)
    payload = load("submit", "create-expenses")
    named = {name.replace("_", "-"): value for name, value in {"authorization": AUTHORIZED, **headers}.items()}
    payload |= {
        "rawPath": path,
        "rawQueryString": query,
        "headers": {name: value for name, value in named.items() if value is not None},
        "body": None if body is None else text,
    }
    payload["requestContext"]["http"] |= {"method": method, "path": path}
    answer = submit(payload)
    content = answer["body"]
    try:
        parsed = json.loads(content)
    except ValueError:
        parsed = content
    return Answered(answer["statusCode"], parsed, answer["headers"])
