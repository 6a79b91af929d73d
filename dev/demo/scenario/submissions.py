"""A product submits expenses through us; some fail, and are created again, or it is said why not."""

import base64
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar
from uuid import uuid4

import httpx

from codat_sync.aws.dynamodb import Table
from codat_sync.companies.repository import CompanyStore
from codat_sync.retries.planner import Policy, Step, plan
from codat_sync.retries.transaction_history import Standings
from codat_sync.submissions.repository import SubmissionStore
from codat_sync.syncs.repository import Store
from codat_sync.syncs.retry_record import RetryState
from codat_sync.syncs.retry_repository import RetryStore
from dev.codat_simulator.books.sample_data import generate_expense
from dev.codat_simulator.books.settling import Outcome, Verdict
from dev.codat_simulator.control.client import SimulatorControl
from dev.codat_simulator.control.messages import NewCompany, NewWebhook
from dev.demo.scenario.delivery import Delivering, Sent
from dev.demo.scenario.syncs import Planned

if TYPE_CHECKING:
    from ops.local_stack import Outputs

T = TypeVar("T")

_PATIENCE_SECONDS = 60
_POLL_SECONDS = 0.5
_NEVER = timedelta(days=1)


@dataclass(frozen=True)
class Expense:
    """One that was submitted: what it is to show, and what came of it."""

    story: str
    company_id: str
    transaction_id: str


@dataclass(frozen=True)
class Told:
    """What is said of an expense, and how often it is in the customer's books."""

    story: str
    in_books: int
    step: str
    support: str


class Submitting:
    """What the product, the accounting software and the clock do."""

    def __init__(
        self,
        codat: SimulatorControl,
        delivering: Delivering,
        table: Table,
        outputs: "Outputs",
        tick: Callable[[], object],
    ) -> None:
        self._codat = codat
        self._delivering = delivering
        self._outputs = outputs
        self._tick = tick
        self._store = Store(table, event_retention=timedelta())
        self._retries = RetryStore(table)
        companies = CompanyStore(table, event_retention=timedelta())
        self._standings = Standings(self._store, SubmissionStore(table), companies)
        self._expenses: list[Expense] = []
        self._sent: list[Sent] = []

    def submit(self) -> list[Sent]:
        """Submit, let some fail, let them be retried; returns the webhooks that Codat sent about it."""
        linked = self._codat.add_company(NewCompany("Fjord Kaffe ApS")).company_id
        unlinked = self._codat.add_company(NewCompany("Old Mill Bakery")).company_id
        good, busy, invalid = (self._new(linked, story) for story in ("accepted at once", "failed once", "not valid"))
        lost = self._new(unlinked, "no connection any more")
        first = self._post(linked, good, busy, invalid)
        other = self._post(unlinked, lost)
        refused = Verdict("ValidationError", "Account 6100 is archived.")
        self._end(first, {busy: Verdict("PushError", "The accounting software is busy."), invalid: refused})
        self._codat.set_connection_status(unlinked, "Deauthorized")
        self._hear(Planned(NewWebhook(company_id=unlinked, event_type="connection.disconnected")))
        self._end(other, {})
        again = self._wait_for(lambda: self._made_again(first))
        if again:
            self._end(again, {})
        self._wait_for(lambda: all(self._is_at_rest(sync_id) for sync_id in (first, other)) or None)
        return self._sent

    def told(self) -> list[Told]:
        """Return what is said of each expense."""
        return [self._told(expense) for expense in self._expenses]

    def _told(self, expense: Expense) -> Told:
        standing = self._standings.load(expense.company_id, [expense.transaction_id])[expense.transaction_id]
        found = plan(standing, datetime.now(UTC), Policy(longest_delay=_NEVER))
        entries = self._codat.books(expense.company_id)
        number = sum(entry.transaction_id == expense.transaction_id for entry in entries)
        return Told(expense.story, number, found.step.value, found.support)

    def _new(self, company_id: str, story: str) -> str:
        expense = Expense(story, company_id, str(uuid4()))
        self._expenses.append(expense)
        return expense.transaction_id

    def _post(self, company_id: str, *transaction_ids: str) -> str:
        credentials = base64.b64encode(self._outputs.codat_api_key.encode()).decode()
        answer = httpx.post(
            f"{self._outputs.api_url}/companies/{company_id}/sync/expenses/expense-transactions",
            json=[generate_expense(transaction_id) for transaction_id in transaction_ids],
            headers={"Authorization": f"Basic {credentials}"},
            timeout=30,
            trust_env=False,
        )
        answer.raise_for_status()
        return str(answer.json()["syncId"])

    def _end(self, sync_id: str, verdicts: dict[str, Verdict]) -> None:
        self._codat.settle(sync_id, Outcome(transactions=verdicts, webhook=None))
        self._hear(Planned(NewWebhook(sync_id=sync_id), sync_id))

    def _hear(self, planned: Planned) -> None:
        self._sent += self._delivering.deliver([planned])

    def _made_again(self, sync_id: str) -> str | None:
        retry = self._retries.load(sync_id)
        return retry.sync_ids[-1] if retry and retry.sync_ids else None

    def _is_at_rest(self, sync_id: str) -> bool:
        retry = self._retries.load(sync_id)
        if retry is None:
            return False
        # For the customer to connect again is waited for, longer than here.
        is_waiting_for_customer = set(retry.steps) == {Step.RECONNECT.value}
        return is_waiting_for_customer or retry.state in {RetryState.RESOLVED, RetryState.STOPPED}

    def _wait_for(self, look: Callable[[], T | None]) -> T | None:
        """Wait with a clock that goes faster; after a while what is told has to show what is missing."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while (found := look()) is None and time.monotonic() < deadline:
            self._tick()
            time.sleep(_POLL_SECONDS)
        return found
