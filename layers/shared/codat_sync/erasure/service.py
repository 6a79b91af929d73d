"""Erase a company's data on request: first block all writes about it, then delete everything.

Every step can be repeated: after an interruption, another run continues where needed.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from codat_sync.audit.entry import Action, AuditEntry
from codat_sync.aws.table_schema import STORED_RESPONSE
from codat_sync.core.errors import TooEarlyError, UnprocessedItemsError
from codat_sync.dead_letters.service import delete_mentions

if TYPE_CHECKING:
    from codat_sync.audit.repository import AuditRepository
    from codat_sync.companies.tombstones import Tombstone, TombstoneRepository
    from codat_sync.dead_letters.queue import DeadLetterQueueClient
    from codat_sync.erasure.company_items import CompanyItems

# A writer that checked before the tombstone existed may write for as long as a function runs. AWS accepts a request
# that it signed by then for at most 15 minutes, however long it was in transit:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
# The rest is for clock skew, of which AWS tolerates five minutes.
MAX_INVOCATION = timedelta(minutes=5)
WRITERS_FINISH_WITHIN = MAX_INVOCATION + timedelta(minutes=15 + 10)
# By then, everything sent to Codat has ended or is listed. Codat rejects transactions that it has completed: so after
# the block is lifted, the company can be written to as if nothing had ever been sent.
BLOCK_LIFTABLE_AFTER = timedelta(days=1)
# The second pass finds nothing, unless a user views the company at the same time.
_MAX_PASSES = 10


def _discard(_text: str) -> None:
    """Ignore progress."""


@dataclass(frozen=True, slots=True)
class ErasureResult:
    """Result of an erasure: the tombstone, and the numbers of deleted items by type and of deleted dead letters."""

    tombstone: "Tombstone"
    items: Counter[str]
    dead_letters: int


@dataclass(frozen=True)
class ErasureService:
    """Erase companies' data and lift erasure blocks. ``by`` is who requests it."""

    tombstones: "TombstoneRepository"
    items: "CompanyItems"
    dead_letters: "Sequence[DeadLetterQueueClient]"
    audit: "AuditRepository"
    by: str
    now: Callable[[], datetime]
    sleep: Callable[[float], None] = time.sleep
    report: Callable[[str], None] = _discard

    def erase(self, company_id: str, reason: str) -> ErasureResult:
        """Delete everything about a company, once nothing can write about it any more.

        Raises UnprocessedItemsError if every pass finds items; ConditionFailedError if the block is lifted meanwhile;
        and whatever AWS raises.
        """
        stone = self.tombstones.put(company_id, self.by, reason, self.now())
        # This entry remains, so it has no reason, which may name a person. The tombstone has it.
        entry = AuditEntry(self.now(), self.by, Action.ERASE, company_id=company_id)
        self.audit.record(entry)
        self._wait_for_writers(stone)
        self.tombstones.begin(stone, self.now())
        items = self._erase_items(company_id)
        letters = delete_mentions(self.dead_letters, company_id)
        result = ErasureResult(self.tombstones.finish(company_id, self.now()), items, letters)
        self.audit.record(entry.with_details(items=str(items.total()), deadLetters=str(letters)))
        return result

    def lift_block(self, company_id: str, reason: str) -> bool:
        """Lift a company's erasure block; return False if there was none.

        This is possible at once while nothing is deleted yet, otherwise a day after the erasure, so that no write whose
        record was erased is still in progress. Raises TooEarlyError.
        """
        stone = self.tombstones.load(company_id)
        if stone is None:
            return False
        if stone.started_at and stone.erased_at is None:
            raise TooEarlyError("it is being erased: wait until that has finished")
        if stone.erased_at and self.now() - stone.erased_at < BLOCK_LIFTABLE_AFTER:
            raise TooEarlyError(
                f"it was erased less than a day ago: wait until {stone.erased_at + BLOCK_LIFTABLE_AFTER}"
            )
        self.audit.record(AuditEntry(self.now(), self.by, Action.UNERASE, company_id=company_id))
        self.tombstones.remove(stone, self.by, reason, self.now())
        return True

    def _wait_for_writers(self, stone: "Tombstone") -> None:
        """Wait for writers that may have checked before the tombstone existed, including submissions in flight."""
        left = stone.requested_at + WRITERS_FINISH_WITHIN - self.now()
        if left > timedelta() and stone.started_at is None:
            self.report(f"writes are blocked; deletion starts in {left} …")
            self.sleep(left.total_seconds())

    def _erase_items(self, company_id: str) -> Counter[str]:
        """Delete until a pass over the whole table finds nothing of it; return the numbers of deleted items by type.

        Stored responses are no reason for another pass: API clients of other companies always add some, and a request
        that began after everything else was deleted had nothing to respond with.
        """
        erased: Counter[str] = Counter()
        for _ in range(_MAX_PASSES):
            found = self._sum_counts(self.items.erase(company_id))
            erased += found
            if not found.keys() - {STORED_RESPONSE}:
                return erased
        raise UnprocessedItemsError(f"items of company {company_id} were found in each of {_MAX_PASSES} passes")

    def _sum_counts(self, counts: Iterable[Counter[str]]) -> Counter[str]:
        total: Counter[str] = Counter()
        for some in counts:
            total += some
            if some:
                self.report(f"{total.total():,} items deleted …")
        return total
