"""The answers to a support agent's questions about one expense. Rules only."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from codat_sync.retries.in_books import InBooksAnswer, is_in_books
from codat_sync.retries.preview import TransactionPlan
from codat_sync.retries.submitted_expense import SubmittedExpense, read_expense
from codat_sync.submissions.submission import Submission


class ExpenseState(StrEnum):
    """Whether the submitted expense is shown, or why not."""

    SHOWN = "shown"
    HIDDEN = "hidden"  # because the viewer does not have the role EXPENSES
    PURGED = "purged"  # because of its age
    NOT_RECORDED = "notRecorded"  # it was neither submitted through this application nor recorded here


@dataclass(frozen=True, slots=True)
class ExpenseCard:
    """A transaction's history and plan, whether it is in the books, and what was submitted.

    ``expense`` is the newest body, which is not necessarily the one in the books; ``source`` is its submission.
    """

    planned: TransactionPlan
    in_books: InBooksAnswer
    state: ExpenseState
    expense: SubmittedExpense | None
    source: Submission | None

    @property
    def is_known(self) -> bool:
        """Whether anything is known about the transaction."""
        return bool(self.planned.history.syncs or self.planned.history.submissions)


def expense_card(planned: TransactionPlan, now: datetime, *, may_see_expenses: bool) -> ExpenseCard:
    """Return the card of a planned transaction. Without the role EXPENSES, it contains no submitted data."""
    history = planned.history
    newest = history.newest
    expense = None
    if newest is None:
        state = ExpenseState.NOT_RECORDED
    elif not newest[1].text:
        state = ExpenseState.PURGED
    elif not may_see_expenses:
        state = ExpenseState.HIDDEN
    else:
        state, expense = ExpenseState.SHOWN, read_expense(newest[0].kind, newest[1].text)
    return ExpenseCard(planned, is_in_books(history, now), state, expense, newest[0] if newest else None)
