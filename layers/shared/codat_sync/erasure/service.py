"""Forgetting a company on request: first nothing of it may be written any more, then all of it is deleted.

Every step can be repeated: whatever ends it, another run goes on where it is needed.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from codat_sync.core.errors import TooEarlyError, UnprocessedItemsError
from codat_sync.dead_letters.service import delete_mentions

if TYPE_CHECKING:
    from codat_sync.companies.tombstones import Tombstone, TombstoneRepository
    from codat_sync.dead_letters.queue import DeadLetterQueueClient
    from codat_sync.erasure.company_items import CompanyItems

# Who looked before there was a tombstone may write for as long as a function runs; what it has signed by then AWS takes
# for fifteen minutes at most, however long it was on its way:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
# The rest is for clocks that differ, which AWS allows five minutes.
LONGEST_RUN = timedelta(minutes=5)
WRITERS_FINISH_WITHIN = LONGEST_RUN + timedelta(minutes=15 + 10)
# What Codat was sent before has ended by then, or is listed. It refuses what it has completed: so a company that is
# known again is written to as one of which nothing was ever sent.
BLOCK_LIFTABLE_AFTER = timedelta(days=1)
# The second one finds nothing, unless a person looks at the company at the same time.
_MAX_PASSES = 10


def _discard(_text: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class ErasureResult:
    """What came of forgetting a company: its tombstone, how many items of each kind and dead letters were deleted."""

    tombstone: "Tombstone"
    items: Counter[str]
    dead_letters: int


@dataclass(frozen=True)
class ErasureService:
    """How companies are forgotten, and known again. ``by`` is who asks for it."""

    tombstones: "TombstoneRepository"
    items: "CompanyItems"
    dead_letters: "Sequence[DeadLetterQueueClient]"
    by: str
    now: Callable[[], datetime]
    sleep: Callable[[float], None] = time.sleep
    report: Callable[[str], None] = _discard

    def erase(self, company_id: str, reason: str) -> ErasureResult:
        """Delete all that is known of a company, when nobody can write anything of it any more.

        Raises UnprocessedItemsError if each time that it looks there is something; ConditionFailedError if it is known
        again meanwhile; and what AWS raises.
        """
        stone = self.tombstones.put(company_id, self.by, reason, self.now())
        self._wait_for_writers(stone)
        self.tombstones.begin(stone, self.now())
        items = self._erase_items(company_id)
        letters = delete_mentions(self.dead_letters, company_id)
        return ErasureResult(self.tombstones.finish(company_id, self.now()), items, letters)

    def lift_block(self, company_id: str, reason: str) -> bool:
        """Have a company known again that was forgotten; returns False if it was not.

        At once while nothing is deleted yet. Else it takes a day, so that nothing is on its way to the books that we do
        not know of any more. Raises TooEarlyError.
        """
        stone = self.tombstones.load(company_id)
        if stone is None:
            return False
        if stone.started_at and stone.erased_at is None:
            raise TooEarlyError("it is being erased: let that come to its end first")
        if stone.erased_at and self.now() - stone.erased_at < BLOCK_LIFTABLE_AFTER:
            raise TooEarlyError(
                f"it was erased less than a day ago: wait until {stone.erased_at + BLOCK_LIFTABLE_AFTER}"
            )
        self.tombstones.remove(stone, self.by, reason, self.now())
        return True

    def _wait_for_writers(self, stone: "Tombstone") -> None:
        """Wait for who may have looked before the tombstone was there, submissions that are in flight included."""
        left = stone.requested_at + WRITERS_FINISH_WITHIN - self.now()
        if left > timedelta() and stone.started_at is None:
            self.report(f"nothing more is written of it; in {left} all is deleted that is there …")
            self.sleep(left.total_seconds())

    def _erase_items(self, company_id: str) -> Counter[str]:
        """Delete until a look at all of the table finds nothing, and return how much that was."""
        erased: Counter[str] = Counter()
        for _ in range(_MAX_PASSES):
            found = self._sum_counts(self.items.erase(company_id))
            if not found:
                return erased
            erased += found
        raise UnprocessedItemsError(f"something of company {company_id} was there each time, {_MAX_PASSES} times")

    def _sum_counts(self, counts: Iterable[Counter[str]]) -> Counter[str]:
        total: Counter[str] = Counter()
        for some in counts:
            total += some
            if some:
                self.report(f"{total.total():,} items deleted …")
        return total
