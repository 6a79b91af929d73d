"""Determine the outcome of a submitted sync."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from pydantic import with_config

from dev.codat_simulator.books.models import FAILED, Company, Item
from dev.codat_simulator.books.submissions import Submission, SubmittedTransaction
from dev.codat_simulator.webhooks.events import Generation
from dev.codat_simulator.wire import WIRE

REJECTION_MESSAGE = "The accounting software did not take it."
CONNECTION_LOST_MESSAGE = "The company's connection to its accounting software is gone."

ItemStatus = Literal["Completed", "PushError", "ValidationError", "Pending", "Unknown"]


@with_config(WIRE)
@dataclass(frozen=True)
class Verdict:
    """The outcome of a transaction. Only Completed ones are written to the books."""

    status: ItemStatus = "Completed"
    message: str | None = None


@with_config(WIRE)
@dataclass(frozen=True)
class Outcome:
    """The outcome of a sync; by default everything is written."""

    transactions: dict[str, Verdict] = field(default_factory=dict)  # by id
    otherwise: Verdict = Verdict()  # for all others
    code: int | None = None  # by default 2000, or 5130 if any failed
    webhook: Generation | None = "current"  # None: not sent

    def items(self, submission: Submission) -> tuple[Item, ...]:
        """Return the sync's resulting rows; raises ValueError for an unknown id."""
        unknown_ids = self.transactions.keys() - {each.transaction_id for each in submission.transactions}
        if unknown_ids:
            raise ValueError(f"the sync has no {', '.join(sorted(unknown_ids))}")
        return tuple(self._item(each.transaction_id) for each in submission.transactions)

    def code_for(self, items: tuple[Item, ...]) -> int:
        """Return the sync's resulting code."""
        if self.code is not None:
            return self.code
        return 5130 if any(item.status in FAILED for item in items) else 2000

    def for_company(self, company: Company | None) -> "Outcome":
        """Return the overriding outcome for a deleted or disconnected company."""
        if company is not None and company.connection_status == "Linked":
            return self
        code = self.code if self.code in (4040, 4220) else 4040 if company is None else 4220
        return Outcome(otherwise=Verdict("PushError", CONNECTION_LOST_MESSAGE), code=code, webhook=self.webhook)

    def _item(self, transaction_id: str) -> Item:
        verdict = self.transactions.get(transaction_id, self.otherwise)
        return Item(transaction_id, verdict.status, message=verdict.message)


# Called repeatedly while the sync is in progress; None: not finished yet.
AutoSettle = Callable[[Submission, datetime], Outcome | None]


@with_config(WIRE)
@dataclass(frozen=True)
class Rule:
    """The outcome of matching transactions: for the first `times` attempts of each, or always."""

    transaction_id: str = ""  # a regular expression to search for in the id
    company_id: str | None = None
    status: ItemStatus = "PushError"
    message: str | None = REJECTION_MESSAGE
    times: int | None = None

    def __post_init__(self) -> None:
        """Reject an invalid regular expression early, not when the first sync finishes."""
        try:
            re.compile(self.transaction_id)
        except re.error as error:
            raise ValueError(f"transaction_id: {error}") from error

    def matches(self, company_id: str, submitted: SubmittedTransaction) -> bool:
        """Return whether the rule applies to a submission of a transaction."""
        return (
            re.search(self.transaction_id, submitted.transaction_id) is not None
            and self.company_id in (None, company_id)
            and (self.times is None or submitted.attempt <= self.times)
        )


@with_config(WIRE)
@dataclass(frozen=True)
class Settling:
    """Finishes syncs automatically; the first rule that matches a transaction applies."""

    after_seconds: float = 0.0
    rules: tuple[Rule, ...] = ()
    webhook: Generation | None = "current"

    def __call__(self, submission: Submission, now: datetime) -> Outcome | None:
        """Return the outcome of a sync once it is due."""
        if now - submission.at < timedelta(seconds=self.after_seconds):
            return None
        verdicts = {each.transaction_id: self._verdict(submission, each) for each in submission.transactions}
        return Outcome(verdicts, webhook=self.webhook)

    def _verdict(self, submission: Submission, submitted: SubmittedTransaction) -> Verdict:
        for rule in self.rules:
            if rule.matches(submission.origin.company_id, submitted):
                return Verdict(rule.status, rule.message if rule.status in FAILED else None)
        return Verdict()
