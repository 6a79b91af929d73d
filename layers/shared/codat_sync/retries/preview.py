"""Preview what a retry would do about failed transactions. Reads only."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from codat_sync.core.iterables import batched
from codat_sync.retries.planner import Plan, RetryPolicy, TransactionHistory, plan
from codat_sync.syncs.retry_record import Step

if TYPE_CHECKING:
    from codat_sync.retries.transaction_history import SyncRecordCache, TransactionHistories

# Maximum number of plans shown, at about three requests each. Retry itself plans all transactions.
MAX_PLANNED = 100
# Maximum number planned to find one that a retry would resubmit.
_MAX_EXAMINED = 1000
_PLAN_WORKERS = 8


@dataclass(frozen=True, slots=True)
class TransactionPlan:
    """A transaction's history, and what a manual retry would do about it."""

    history: TransactionHistory
    plan: Plan


@dataclass(frozen=True, slots=True)
class RetryPreview:
    """Preview of a manual retry: ``failed`` transactions in total, with the plans of the first 100.

    ``is_retriable`` means that it would resubmit at least one, or may resubmit one that was not examined.
    """

    company_id: str
    failed: int
    planned: tuple[TransactionPlan, ...]
    is_retriable: bool


@dataclass(frozen=True)
class RetryPreviewService:
    """Preview retries."""

    histories: "TransactionHistories"
    policy: RetryPolicy
    now: Callable[[], datetime]

    def preview_sync(self, sync_id: str) -> RetryPreview | None:
        """Preview a manual retry of a sync; None if there is no such sync. Raises UnprocessedItemsError."""
        records = self.histories.new_cache()
        failed = self.histories.load_failed(sync_id, records)
        if failed is None:
            return None
        planned: list[TransactionPlan] = []
        is_retriable = False
        for some in batched(failed.transaction_ids[:_MAX_EXAMINED], MAX_PLANNED):
            planned += self._plan_all(failed.company_id, some, records)
            is_retriable = any(each.plan.step is Step.RETRY_NOW for each in planned)
            if is_retriable:
                break
        number = len(failed.transaction_ids)
        shown = tuple(planned[:MAX_PLANNED])
        return RetryPreview(failed.company_id, number, shown, is_retriable or len(planned) < number)

    def _plan_all(
        self, company_id: str, transaction_ids: Sequence[str], records: "SyncRecordCache"
    ) -> list[TransactionPlan]:
        def load(some: list[str]) -> list[TransactionPlan]:
            histories = self.histories.load(company_id, some, records)
            return [TransactionPlan(each, self._plan(each)) for each in histories.values()]

        with ThreadPoolExecutor(_PLAN_WORKERS) as pool:
            plans = pool.map(load, batched(transaction_ids, -(-len(transaction_ids) // _PLAN_WORKERS)))
            return [each for some in plans for each in some]

    def _plan(self, history: TransactionHistory) -> Plan:
        return plan(history, self.now(), self.policy, is_manual=True)

    def plan_transaction(self, company_id: str, transaction_id: str) -> TransactionPlan:
        """Return a transaction's history over all its syncs, and its plan. Raises UnprocessedItemsError."""
        history = self.histories.load(company_id, [transaction_id])[transaction_id]
        return TransactionPlan(history, self._plan(history))
