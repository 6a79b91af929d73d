"""Search Sync Health as a viewer, over data that the functions write and index."""

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from codat_sync.auth.roles import Role
from codat_sync.aws.dynamodb import Table
from dev.codat_simulator.books.models import Sync
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID, load
from tests.support.aws import Aws
from tests.support.handlers import StartFunction
from tests.support.sqs_batches import batch, failed, of
from tests.support.submit_requests import EXPENSES, ask, expense
from tests.support.tables.table_stream import Stream

_EVERYTHING = (Role.VIEW, Role.EXPENSES)


class Searching:
    """The functions that write, the one that indexes, and the one that searches."""

    def __init__(self, start: StartFunction, simulated: SimulatedCodat, aws: Aws) -> None:
        self.start = start
        self.simulated = simulated
        self.aws = aws
        self.table = Table(aws.dynamodb, "syncs")
        self.stream = Stream(aws, "IndexFunction")
        self.index = start("index")
        self.health = start("health")
        self.submit = start("submit")
        self.worker = start("worker")

    def hear(self, sync: Sync) -> None:
        """Let the worker store a sync."""
        assert failed(self.worker(batch(of(self.simulated, sync, f"msg_{sync.sync_id}")))) == []

    def submit_expense(self, company_id: str = COMPANY_ID, **fields: object) -> str:
        """Submit an expense; returns its id."""
        made = expense() | fields
        answer = ask(self.submit, "POST", EXPENSES.replace(COMPANY_ID, company_id), [made])
        assert answer.status == 200, answer
        return str(made["id"])

    def catch_up(self) -> int:
        """Let index handle the new records; returns the number of entries written."""
        records = self.stream.records()
        return int(self.index({"Records": records})["entriesWritten"]) if records else 0

    def answer(self, text: str, roles: Iterable[Role] = _EVERYTHING) -> dict[str, Any]:
        """Return the API's response to a search."""
        event = load("health", "sync")
        event["rawPath"] = event["requestContext"]["http"]["path"] = "/api/v1/search"
        event["rawQueryString"] = urlencode({"q": text})
        event["queryStringParameters"] = {"q": text}
        event["requestContext"]["authorizer"]["jwt"]["claims"]["cognito:groups"] = f"[{' '.join(roles)}]"
        answer = self.health(event)
        assert answer["statusCode"] == 200, answer
        body: dict[str, Any] = json.loads(answer["body"])
        return body

    def find(self, text: str, roles: Iterable[Role] = _EVERYTHING) -> dict[str, list[str]]:
        """Return the ids of what is found, by kind."""
        return {
            group["kind"]: [each["syncId"] or each["transactionId"] or each["companyId"] for each in group["results"]]
            for group in self.answer(text, roles)["groups"]
        }

    def entries(self) -> list[dict[str, Any]]:
        """Return all search entries."""
        return [item for page in self.table.scan(()) for item in page if item["pk"].startswith("FIND#")]
