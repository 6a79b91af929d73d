"""Preview a retry of failed transactions. Reads only."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from codat_sync.core.iterables import batched
from codat_sync.retries.not_failed import explain_transaction
from codat_sync.retries.planner import Plan, RetryPolicy, TransactionHistory, plan
from codat_sync.syncs.retry_record import Step

if TYPE_CHECKING:
    from codat_sync.retries.transaction_history import FailedTransactions, SyncRecordCache, TransactionHistories
    from codat_sync.syncs.retry_repository import RetryRepository

# Maximum number of failed transactions of which each is planned, at about three requests each. Retry plans all.
MAX_PLANNED = 200
# If there are more, only this many are planned: those that a retry would resubmit, from the retry record.
MAX_SHOWN = 25
_PLAN_WORKERS = 8


@dataclass(frozen=True, slots=True)
class TransactionPlan:
    """A transaction's history, and its plan for a manual retry."""

    history: TransactionHistory
    plan: Plan

    @property
    def retry_sync_id(self) -> str | None:
        """The sync to name in a request to retry only this transaction: its last one. None if no sync has it."""
        return self.history.syncs[-1].sync_id if self.history.syncs else None


@dataclass(frozen=True, slots=True)
class RetryPreview:
    """The preview of a manual retry: the ``planned`` ones of ``failed`` transactions.

    ``retriable`` is how many it would resubmit, None if unknown. ``steps`` counts the failed transactions by their step
    without a manual retry, and is empty if unknown.
    """

    company_id: str
    failed: int
    retriable: int | None
    steps: Mapping[str, int]
    planned: tuple[TransactionPlan, ...]

    @property
    def is_retriable(self) -> bool:
        """Whether a retry would resubmit at least one, or may."""
        return self.retriable != 0

    @property
    def retried(self) -> tuple[TransactionPlan, ...]:
        """The planned transactions that would be resubmitted."""
        return tuple(each for each in self.planned if each.plan.step is Step.RETRY_NOW)

    @property
    def left(self) -> tuple[TransactionPlan, ...]:
        """The planned transactions that would not be resubmitted."""
        return tuple(each for each in self.planned if each.plan.step is not Step.RETRY_NOW)

    @property
    def is_truncated(self) -> bool:
        """Whether more transactions failed than are planned."""
        return len(self.planned) < self.failed


@dataclass(frozen=True)
class RetryPreviewService:
    """Preview retries."""

    histories: "TransactionHistories"
    retries: "RetryRepository"
    policy: RetryPolicy
    now: Callable[[], datetime]

    def preview_sync(self, sync_id: str, named: Collection[str] | None = None) -> RetryPreview | None:
        """Preview a manual retry of a sync, or of its ``named`` transactions; None if there is no such sync.

        Of up to 200 failed transactions, each is planned. Of more, the retry function's counts are used, and the first
        25 that it would resubmit are planned. Raises UnprocessedItemsError.
        """
        records = self.histories.new_cache()
        failed = self.histories.load_failed(sync_id, records)
        if failed is None:
            return None
        if named is not None:
            return self._preview_named(failed, sync_id, named, records)
        if len(failed.transaction_ids) > MAX_PLANNED:
            return self._preview_many(failed, sync_id, records)
        return _exact(failed.company_id, self._plan_all(failed.company_id, failed.transaction_ids, records))

    def _preview_named(
        self, failed: "FailedTransactions", sync_id: str, named: Collection[str], records: "SyncRecordCache"
    ) -> RetryPreview:
        """Preview a retry of the named transactions. Those that have not failed are planned as such."""
        known = set(failed.transaction_ids)
        planned = self._plan_all(failed.company_id, [each for each in named if each in known], records)
        _, items = records.load(sync_id)
        planned += [
            TransactionPlan(TransactionHistory(each), explain_transaction(items.get(each, ())))
            for each in named
            if each not in known
        ]
        return _exact(failed.company_id, planned)

    def _preview_many(self, failed: "FailedTransactions", sync_id: str, records: "SyncRecordCache") -> RetryPreview:
        """Preview by the counts of the retry record; without them, the first transactions are planned."""
        retry = self.retries.load(sync_id)
        is_counted = retry is not None and retry.is_counted(self.now())
        shown_ids = retry.retriable_ids if retry and is_counted else failed.transaction_ids
        return RetryPreview(
            failed.company_id,
            len(failed.transaction_ids),
            retriable=retry.retriable if retry and is_counted else None,
            steps=retry.steps if retry and is_counted else {},
            planned=tuple(self._plan_all(failed.company_id, shown_ids[:MAX_SHOWN], records)),
        )

    def _plan_all(
        self, company_id: str, transaction_ids: Sequence[str], records: "SyncRecordCache"
    ) -> list[TransactionPlan]:
        def load(some: list[str]) -> list[TransactionPlan]:
            histories = self.histories.load(company_id, some, records)
            return [TransactionPlan(each, self._plan(each)) for each in histories.values()]

        if not transaction_ids:
            return []
        with ThreadPoolExecutor(_PLAN_WORKERS) as pool:
            plans = pool.map(load, batched(transaction_ids, -(-len(transaction_ids) // _PLAN_WORKERS)))
            return [each for some in plans for each in some]

    def _plan(self, history: TransactionHistory) -> Plan:
        return plan(history, self.now(), self.policy, is_manual=True)

    def plan_transaction(self, company_id: str, transaction_id: str) -> TransactionPlan:
        """Return a transaction's history over all its syncs, and its plan. Raises UnprocessedItemsError."""
        history = self.histories.load(company_id, [transaction_id])[transaction_id]
        return TransactionPlan(history, self._plan(history))


def _exact(company_id: str, planned: Sequence[TransactionPlan]) -> RetryPreview:
    """Return the preview of transactions that are all planned."""
    return RetryPreview(
        company_id,
        len(planned),
        retriable=sum(each.plan.step is Step.RETRY_NOW for each in planned),
        steps=Counter(each.plan.automatic.step.value for each in planned),
        planned=tuple(planned),
    )
