"""Submit expenses as a product; failed ones are retried, or the plan says why not."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar
from uuid import uuid4

import httpx

from codat_sync.aws.dynamodb import Table
from codat_sync.companies.repository import CompanyRepository
from codat_sync.retries.planner import RetryPolicy, plan
from codat_sync.retries.transaction_history import TransactionHistories
from codat_sync.submissions.repository import SubmissionRepository
from codat_sync.syncs.repository import SyncRepository
from codat_sync.syncs.retry_record import RetryState, Step
from codat_sync.syncs.retry_repository import RetryRepository
from dev.codat_simulator.books.sample_data import generate_expense
from dev.codat_simulator.books.settling import Outcome, Verdict
from dev.codat_simulator.control.client import SimulatorControl
from dev.codat_simulator.control.messages import NewCompany, NewWebhook
from dev.demo.scenario.delivery import DeliveryScenario, Sent
from dev.demo.scenario.syncs import Planned
from dev.waiting import PATIENCE_SECONDS, poll

if TYPE_CHECKING:
    from ops.local_stack import Outputs

T = TypeVar("T")

_POLL_SECONDS = 0.5
_NO_LIMIT = timedelta(days=1)


@dataclass(frozen=True)
class Expense:
    """A submitted expense, and what it demonstrates."""

    description: str
    company_id: str
    transaction_id: str


@dataclass(frozen=True)
class ExpenseOutcome:
    """The plan for an expense, and how often it is in the customer's books."""

    description: str
    times_in_books: int
    step: str
    support: str


class SubmissionService:
    """Acts as the product, the accounting software and the clock."""

    def __init__(
        self,
        codat: SimulatorControl,
        delivering: DeliveryScenario,
        table: Table,
        outputs: "Outputs",
        tick: Callable[[], object],
    ) -> None:
        self._codat = codat
        self._delivery = delivering
        self._outputs = outputs
        self._tick = tick
        self._store = SyncRepository(table, event_retention=timedelta())
        self._retries = RetryRepository(table)
        companies = CompanyRepository(table, event_retention=timedelta())
        self._histories = TransactionHistories(self._store, SubmissionRepository(table), companies)
        self._expenses: list[Expense] = []
        self._sent: list[Sent] = []

    def submit(self) -> list[Sent]:
        """Submit expenses, let some fail and be retried; return the webhooks that Codat sent."""
        linked = self._codat.add_company(NewCompany("Fjord Kaffe ApS")).company_id
        unlinked = self._codat.add_company(NewCompany("Old Mill Bakery")).company_id
        good, busy, invalid = (
            self._new_expense(linked, description) for description in ("succeeds at once", "fails once", "invalid")
        )
        lost = self._new_expense(unlinked, "connection lost")
        first = self._post(linked, good, busy, invalid)
        other = self._post(unlinked, lost)
        refused = Verdict("ValidationError", "Account 6100 is archived.")
        self._complete(first, {busy: Verdict("PushError", "The accounting software is busy."), invalid: refused})
        self._codat.set_connection_status(unlinked, "Deauthorized")
        self._deliver(Planned(NewWebhook(company_id=unlinked, event_type="connection.disconnected")))
        self._complete(other, {})
        again = self._wait_for(lambda: self._resubmitted_as(first))
        if again:
            self._complete(again, {})
        self._wait_for(lambda: all(self._is_settled(sync_id) for sync_id in (first, other)))
        return self._sent

    def expense_outcomes(self) -> list[ExpenseOutcome]:
        """Return the outcome of each expense."""
        return [self._outcome_of(expense) for expense in self._expenses]

    def _outcome_of(self, expense: Expense) -> ExpenseOutcome:
        history = self._histories.load(expense.company_id, [expense.transaction_id])[expense.transaction_id]
        found = plan(history, datetime.now(UTC), RetryPolicy(max_delay=_NO_LIMIT))
        entries = self._codat.books(expense.company_id)
        number = sum(entry.transaction_id == expense.transaction_id for entry in entries)
        return ExpenseOutcome(expense.description, number, found.step.value, found.support_note)

    def _new_expense(self, company_id: str, description: str) -> str:
        expense = Expense(description, company_id, str(uuid4()))
        self._expenses.append(expense)
        return expense.transaction_id

    def _post(self, company_id: str, *transaction_ids: str) -> str:
        credentials = base64.b64encode(self._outputs.codat_api_key.encode()).decode()
        answer = httpx.post(
            f"{self._outputs.api_url}/companies/{company_id}/sync/expenses/expense-transactions",
            json=[generate_expense(transaction_id) for transaction_id in transaction_ids],
            headers={"Authorization": f"Basic {credentials}"},
            timeout=PATIENCE_SECONDS,
            trust_env=False,
        )
        answer.raise_for_status()
        return str(answer.json()["syncId"])

    def _complete(self, sync_id: str, verdicts: dict[str, Verdict]) -> None:
        self._codat.settle(sync_id, Outcome(transactions=verdicts, webhook=None))
        self._deliver(Planned(NewWebhook(sync_id=sync_id), sync_id))

    def _deliver(self, planned: Planned) -> None:
        self._sent += self._delivery.deliver([planned])

    def _resubmitted_as(self, sync_id: str) -> str | None:
        retry = self._retries.load(sync_id)
        return retry.sync_ids[-1] if retry and retry.sync_ids else None

    def _is_settled(self, sync_id: str) -> bool:
        retry = self._retries.load(sync_id)
        if retry is None:
            return False
        # The retry waits for the customer to reconnect, which takes longer than the demo.
        is_waiting_for_customer = set(retry.steps) == {Step.NEEDS_RECONNECTION.value}
        return is_waiting_for_customer or retry.state in {RetryState.RESOLVED, RetryState.STOPPED}

    def _wait_for(self, look: Callable[[], T]) -> T:
        """Poll with an accelerated clock until a result or a timeout; the output then shows what is missing."""
        return poll(look, pause_seconds=_POLL_SECONDS, advance=self._tick)
