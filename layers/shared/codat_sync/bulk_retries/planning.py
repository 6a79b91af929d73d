"""Plan a bulk retry: which items it would resubmit now, which not, and why. Reads only."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from codat_sync.core.iterables import batched
from codat_sync.queries.failures.failed_items import FailureQuery
from codat_sync.queries.sync_query import ListedSync, position_time
from codat_sync.retries.planner import Plan, RetryPolicy, plan
from codat_sync.syncs.retry_record import Step

if TYPE_CHECKING:
    from codat_sync.bulk_retries.selection import FailureSelection
    from codat_sync.retries.transaction_history import SyncRecordCache, TransactionHistories

# Maximum number of transactions planned, at about three requests each, and the time after which no more are.
MAX_PLANNED = 1_000
_SECONDS = 10
_AT_ONCE = 8
_BATCH = 40


@dataclass(slots=True)
class LeftOut:
    """The transactions that would not be resubmitted for one reason, with the note of the first one."""

    step: Step
    support_note: str
    transactions: int = 0


@dataclass(slots=True)
class BulkPlan:
    """The plan of a bulk retry.

    ``syncs`` and ``transactions`` count the matching ones that were planned, from the newest back to ``reached_to``
    (None: to the beginning of the period).
    """

    syncs: int = 0
    transactions: int = 0
    resubmitted: int = 0
    left_out: dict[Step, LeftOut] = field(default_factory=dict)
    reached_to: datetime | None = None

    @property
    def is_truncated(self) -> bool:
        """Whether more may match than was planned."""
        return self.reached_to is not None

    @property
    def is_empty(self) -> bool:
        """Whether nothing would be resubmitted, not even transactions that were not planned."""
        return not self.resubmitted and not self.is_truncated

    def add(self, planned: Plan) -> None:
        """Count the plan of a transaction."""
        self.transactions += 1
        if planned.step is Step.RETRY_NOW:
            self.resubmitted += 1
        else:
            self.left_out.setdefault(planned.step, LeftOut(planned.step, planned.support_note)).transactions += 1


@dataclass(frozen=True)
class BulkRetryPlanner:
    """Plan bulk retries."""

    selection: "FailureSelection"
    histories: "TransactionHistories"
    policy: RetryPolicy
    now: Callable[[], datetime]
    clock: Callable[[], float] = time.monotonic

    def plan(self, query: FailureQuery) -> BulkPlan:
        """Plan the matching transactions of the newest syncs. Raises InvalidQueryError and UnprocessedItemsError.

        A transaction that failed in several syncs is planned once, because it is resubmitted once.
        """
        found, seen = BulkPlan(), set[tuple[str, str]]()
        ends_at = self.clock() + _SECONDS
        reached: str | None = None
        for sync in self._syncs(query):
            if isinstance(sync, str):
                found.reached_to = position_time(sync)
                break
            if found.transactions >= MAX_PLANNED or self.clock() >= ends_at:
                found.reached_to = position_time(reached or sync.position)
                break
            records = self.histories.new_cache()
            ids = self.selection.transaction_ids(query, sync.sync_id, records)
            new = [each for each in ids if (sync.company_id, each) not in seen]
            some = new[: MAX_PLANNED - found.transactions]
            seen |= {(sync.company_id, each) for each in some}
            found.syncs += bool(some)
            for planned in self._plan(sync.company_id, some, records):
                found.add(planned)
            if len(some) < len(new):
                found.reached_to = position_time(sync.position)
                break
            reached = sync.position
        return found

    def _syncs(self, query: FailureQuery) -> Iterator[ListedSync | str]:
        """Yield the matching syncs. Return the position after them if the time ran out."""
        cursor: str | None = None
        for some in self.selection.syncs(query, None):
            yield from some.syncs
            cursor = some.cursor
        if cursor is not None:
            yield cursor

    def _plan(self, company_id: str, ids: Sequence[str], records: "SyncRecordCache") -> list[Plan]:
        def load(some: list[str]) -> list[Plan]:
            histories = self.histories.load(company_id, some, records)
            return [plan(each, self.now(), self.policy, is_manual=True) for each in histories.values()]

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return [each for some in pool.map(load, batched(ids, _BATCH)) for each in some]
