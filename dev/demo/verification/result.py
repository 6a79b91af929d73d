"""What came out of the demo, in numbers and sentences."""

import json
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from dev.demo.scenario.reconciliation import Reconciled
from dev.demo.scenario.submissions import Told
from dev.demo.verification.comparison import Difference, Tally, Verdict, compare, tally
from dev.demo.verification.expected import REFUSED
from dev.demo.verification.published_events import Heard
from dev.demo.verification.records import Facts, Kind


@dataclass(frozen=True)
class Result:
    """Both sides, how often Codat tried to deliver, what it answered how often, and what is left in the queues."""

    truth: Facts
    found: Facts
    attempts: int
    calls: Counter[int]
    told: list[Told]
    heard: Heard
    reconciled: Reconciled
    waiting: int
    dead: int

    @cached_property
    def differences(self) -> list[Difference]:
        """All facts on which the two sides do not agree."""
        return compare(self.truth, self.found)

    @property
    def tallies(self) -> list[Tally]:
        """Both sides counted, by status code."""
        return tally(self.truth, self.found, self.differences)

    @property
    def is_well(self) -> bool:
        """Whether nothing is missing, wrong, too much, left over, written twice or untold."""
        return not (self.differences or self.faults)

    @property
    def faults(self) -> list[str]:
        """What is wrong although the two sides may agree, in words."""
        counted = {
            "left in the queue": self.waiting,
            "dead letters": self.dead,
            "written twice": sum(each.in_books > 1 for each in self.told),
            "not told of": self.heard.untold,
            "not found by reconciliation": self.reconciled.lost - self.reconciled.found,
        }
        unknown = [] if self.reconciled.complete_as_of else ["not known to be complete"]
        return [f"{number:,} {what}" for what, number in counted.items() if number] + unknown

    @property
    def webhooks(self) -> str:
        """What became of the webhooks."""
        kinds = Counter(key.kind for key in self.truth)
        answers = [fact["status"] for key, fact in self.found.items() if key.kind is Kind.WEBHOOK]
        refused = answers.count(REFUSED)
        of_syncs, all_of_them = kinds[Kind.EVENT], kinds[Kind.WEBHOOK]
        return (
            f"{all_of_them} webhooks in {self.attempts} deliveries: {of_syncs} about syncs, "
            f"{all_of_them - of_syncs - 1} not ours, {refused} refused as Codat had not signed it. "
            f"Left in the queue: {self.waiting}, dead letters: {self.dead}."
        )

    @property
    def heard_of(self) -> str:
        """What a subscriber of the event bus was told."""
        kinds = ", ".join(f"{number:,} {kind}" for kind, number in sorted(self.heard.kinds.items()))
        untold = f" Of {self.heard.untold} syncs it was not told how they ended." if self.heard.untold else ""
        return f"A subscriber of the event bus was told {self.heard.kinds.total():,} facts: {kinds or 'none'}.{untold}"

    @property
    def example(self) -> str:
        """One of them, as it came."""
        event = self.heard.example
        return f"{event['detail-type']} {json.dumps(event['detail'])}" if event else ""

    @property
    def completeness(self) -> str:
        """What reconcile found, and what it says of the table."""
        complete_as_of = self.reconciled.complete_as_of
        at = f"{complete_as_of:%H:%M:%S} UTC" if complete_as_of else "no moment"
        return (
            f"{self.reconciled.lost} webhook lost, {self.reconciled.found} sync found by reconciliation. "
            f"{self.reconciled.companies} companies: nothing is missing as of {at}."
        )

    @property
    def asked(self) -> str:
        """How Codat answered when it was asked."""
        answers = ", ".join(f"{number} times with {status}" for status, number in sorted(self.calls.items()))
        return f"Codat was asked {self.calls.total()} times, and answered {answers}."

    @property
    def verdict(self) -> str:
        """The one line that says it all."""
        kinds = Counter(key.kind for key in self.truth)
        verdicts = Counter(difference.verdict for difference in self.differences)
        unexpected = f", {verdicts[Verdict.UNEXPECTED]:,} unexpected" if verdicts[Verdict.UNEXPECTED] else ""
        return ", ".join(
            [
                f"{kinds[Kind.SYNC]} syncs, {kinds[Kind.TRANSACTION]:,} transactions: {verdicts[Verdict.LOST]:,} lost",
                f"{verdicts[Verdict.DIFFERENT]:,} different{unexpected}",
                *self.faults,
            ]
        )
