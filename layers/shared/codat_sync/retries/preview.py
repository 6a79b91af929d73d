"""What would be done about what failed, shown before it is done; and what failed, by cause. Nothing is written."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from codat_sync.core.iterables import batched
from codat_sync.retries.planner import Plan, RetryPolicy, Step, TransactionHistory, plan

if TYPE_CHECKING:
    from codat_sync.retries.transaction_history import SyncDocumentCache, TransactionHistories

# A transaction takes about three requests: so many are shown, while retry itself plans all of them.
MAX_PLANNED = 100
# And so many are planned to find one that a retry would create again.
_MAX_EXAMINED = 1000
_PLAN_WORKERS = 8


@dataclass(frozen=True, slots=True)
class TransactionPlan:
    """A transaction, how it stands, and what a person's click would do about it."""

    history: TransactionHistory
    plan: Plan


@dataclass(frozen=True, slots=True)
class RetryPreview:
    """What a person's click would do about a sync's failed transactions: ``failed`` many, the first 100 of them.

    ``is_retriable`` tells whether it would create any of them again, or may, of those that were not looked at.
    """

    company_id: str
    failed: int
    planned: tuple[TransactionPlan, ...]
    is_retriable: bool


@dataclass(frozen=True)
class RetryPreviewService:
    """How it is found out what would be done."""

    histories: "TransactionHistories"
    policy: RetryPolicy
    now: Callable[[], datetime]

    def preview_sync(self, sync_id: str) -> RetryPreview | None:
        """Return what a retry would do about a sync, None if there is no such sync. Raises UnprocessedItemsError."""
        documents = self.histories.new_cache()
        failed = self.histories.load_failed(sync_id, documents)
        if failed is None:
            return None
        planned: list[TransactionPlan] = []
        is_retriable = False
        for some in batched(failed.transaction_ids[:_MAX_EXAMINED], MAX_PLANNED):
            planned += self._planned(failed.company_id, some, documents)
            is_retriable = any(each.plan.step is Step.RETRY_NOW for each in planned)
            if is_retriable:
                break
        number = len(failed.transaction_ids)
        shown = tuple(planned[:MAX_PLANNED])
        return RetryPreview(failed.company_id, number, shown, is_retriable or len(planned) < number)

    def _planned(self, company_id: str, names: Sequence[str], documents: "SyncDocumentCache") -> list[TransactionPlan]:
        def load(some: list[str]) -> list[TransactionPlan]:
            histories = self.histories.load(company_id, some, documents)
            return [TransactionPlan(each, self._plan(each)) for each in histories.values()]

        with ThreadPoolExecutor(_PLAN_WORKERS) as pool:
            found = pool.map(load, batched(names, -(-len(names) // _PLAN_WORKERS)))
            return [each for some in found for each in some]

    def _plan(self, history: TransactionHistory) -> Plan:
        return plan(history, self.now(), self.policy, is_manual=True)

    def plan_transaction(self, company_id: str, transaction_id: str) -> TransactionPlan:
        """Return how a transaction stands over all its syncs, and what can be done. Raises UnprocessedItemsError."""
        history = self.histories.load(company_id, [transaction_id])[transaction_id]
        return TransactionPlan(history, self._plan(history))
