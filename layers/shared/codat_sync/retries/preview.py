"""What would be done about what failed, shown before it is done; and what failed, by cause. Nothing is written."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from codat_sync.core.iterables import chunks
from codat_sync.retries.planner import Plan, Policy, Standing, Step, plan

if TYPE_CHECKING:
    from codat_sync.retries.transaction_history import Documents, Standings

# A transaction takes about three requests: so many are shown, while retry itself plans all of them.
MOST_PLANNED = 100
# And so many are planned to find one that a retry would create again.
_MOST_LOOKED_AT = 1000
_PLANNED_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Planned:
    """A transaction, how it stands, and what a person's click would do about it."""

    standing: Standing
    plan: Plan


@dataclass(frozen=True, slots=True)
class Preview:
    """What a person's click would do about a sync's failed transactions: ``failed`` many, the first 100 of them.

    ``is_retriable`` tells whether it would create any of them again, or may, of those that were not looked at.
    """

    company_id: str
    failed: int
    planned: tuple[Planned, ...]
    is_retriable: bool


@dataclass(frozen=True)
class Previewing:
    """How it is found out what would be done."""

    standings: "Standings"
    policy: Policy
    now: Callable[[], datetime]

    def sync(self, sync_id: str) -> Preview | None:
        """Return what a retry would do about a sync, None if there is no such sync. Raises UnprocessedError."""
        documents = self.standings.documents()
        failed = self.standings.failed(sync_id, documents)
        if failed is None:
            return None
        planned: list[Planned] = []
        is_retriable = False
        for some in chunks(failed.transaction_ids[:_MOST_LOOKED_AT], MOST_PLANNED):
            planned += self._planned(failed.company_id, some, documents)
            is_retriable = any(each.plan.step is Step.RETRY for each in planned)
            if is_retriable:
                break
        number = len(failed.transaction_ids)
        shown = tuple(planned[:MOST_PLANNED])
        return Preview(failed.company_id, number, shown, is_retriable or len(planned) < number)

    def _planned(self, company_id: str, names: Sequence[str], documents: "Documents") -> list[Planned]:
        def load(some: list[str]) -> list[Planned]:
            standings = self.standings.load(company_id, some, documents)
            return [Planned(each, self._plan(each)) for each in standings.values()]

        with ThreadPoolExecutor(_PLANNED_AT_ONCE) as pool:
            found = pool.map(load, chunks(names, -(-len(names) // _PLANNED_AT_ONCE)))
            return [each for some in found for each in some]

    def _plan(self, standing: Standing) -> Plan:
        return plan(standing, self.now(), self.policy, is_for_person=True)

    def transaction(self, company_id: str, transaction_id: str) -> Planned:
        """Return how a transaction stands over all its syncs, and what can be done. Raises UnprocessedError."""
        standing = self.standings.load(company_id, [transaction_id])[transaction_id]
        return Planned(standing, self._plan(standing))
