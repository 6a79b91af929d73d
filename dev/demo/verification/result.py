"""Summarize the result of the demo in numbers and sentences."""

import json
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from dev.demo.scenario.reconciliation import ReconciliationOutcome
from dev.demo.scenario.submissions import ExpenseOutcome
from dev.demo.verification.comparison import Difference, StatusTally, Verdict, compare, tally
from dev.demo.verification.expected import REFUSED
from dev.demo.verification.published_events import PublishedEvents
from dev.demo.verification.records import Kind, Records


@dataclass(frozen=True)
class Result:
    """Both sides, delivery attempts, Codat's responses by status, and what is left in the queues."""

    expected: Records
    found: Records
    attempts: int
    calls: Counter[int]
    expense_outcomes: list[ExpenseOutcome]
    published: PublishedEvents
    reconciliation: ReconciliationOutcome
    queued: int
    dead_letters: int

    @cached_property
    def differences(self) -> list[Difference]:
        """The differences between the two sides."""
        return compare(self.expected, self.found)

    @property
    def tallies(self) -> list[StatusTally]:
        """The numbers of both sides by status code."""
        return tally(self.expected, self.found, self.differences)

    @property
    def passed(self) -> bool:
        """Whether nothing is lost, different, unexpected, unprocessed, written twice or unpublished."""
        return not (self.differences or self.problems)

    @property
    def problems(self) -> list[str]:
        """Problems besides differences between the two sides."""
        counted = {
            "left in the queue": self.queued,
            "dead letters": self.dead_letters,
            "written twice": sum(each.times_in_books > 1 for each in self.expense_outcomes),
            "not published": self.published.unpublished_syncs,
            "not found by reconciliation": self.reconciliation.lost - self.reconciliation.found,
        }
        unknown = [] if self.reconciliation.complete_as_of else ["completeness unknown"]
        return [f"{number:,} {what}" for what, number in counted.items() if number] + unknown

    @property
    def webhooks(self) -> str:
        """Summarize the webhooks."""
        kinds = Counter(key.kind for key in self.expected)
        answers = [record["status"] for key, record in self.found.items() if key.kind is Kind.WEBHOOK]
        refused = answers.count(REFUSED)
        sync_webhooks, all_webhooks = kinds[Kind.EVENT], kinds[Kind.WEBHOOK]
        return (
            f"{all_webhooks} webhooks in {self.attempts} deliveries: {sync_webhooks} about syncs, "
            f"{all_webhooks - sync_webhooks - 1} ignored, {refused} rejected for its signature. "
            f"Left in the queue: {self.queued}, dead letters: {self.dead_letters}."
        )

    @property
    def events_summary(self) -> str:
        """Summarize the published events."""
        kinds = ", ".join(f"{number:,} {kind}" for kind, number in sorted(self.published.kinds.items()))
        missed = self.published.unpublished_syncs
        gap = f" The end of {missed} syncs was not published." if missed else ""
        return (
            f"A subscriber of the event bus received {self.published.kinds.total():,} events: {kinds or 'none'}.{gap}"
        )

    @property
    def example(self) -> str:
        """An example event as received."""
        event = self.published.example
        return f"{event['detail-type']} {json.dumps(event['detail'])}" if event else ""

    @property
    def completeness(self) -> str:
        """Summarize reconciliation."""
        complete_as_of = self.reconciliation.complete_as_of
        state = f"complete as of {complete_as_of:%H:%M:%S} UTC" if complete_as_of else "not confirmed complete"
        return (
            f"{self.reconciliation.lost} webhook lost, {self.reconciliation.found} sync found by reconciliation. "
            f"{self.reconciliation.companies} companies: the table is {state}."
        )

    @property
    def codat_calls_summary(self) -> str:
        """Summarize the calls to Codat by status."""
        answers = ", ".join(f"{number} with {status}" for status, number in sorted(self.calls.items()))
        return f"{self.calls.total()} calls to Codat: {answers}."

    @property
    def verdict(self) -> str:
        """The verdict in one line."""
        kinds = Counter(key.kind for key in self.expected)
        verdicts = Counter(difference.verdict for difference in self.differences)
        unexpected = f", {verdicts[Verdict.UNEXPECTED]:,} unexpected" if verdicts[Verdict.UNEXPECTED] else ""
        return ", ".join(
            [
                f"{kinds[Kind.SYNC]} syncs, {kinds[Kind.TRANSACTION]:,} transactions: {verdicts[Verdict.LOST]:,} lost",
                f"{verdicts[Verdict.DIFFERENT]:,} different{unexpected}",
                *self.problems,
            ]
        )
