"""Let operators inspect dead letters, redrive them after a fix, or drop them with a reason.

A redrive may cause a write to Codat. So it needs the same role as a retry, as does dropping a letter.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from codat_sync.audit.entry import Action, AuditEntry
from codat_sync.dead_letters.dead_letter import DeadLetter, DeadLetterFilter, DropDecision

if TYPE_CHECKING:
    from codat_sync.audit.repository import AuditRepository
    from codat_sync.dead_letters.queue import DeadLetterQueueClient, DroppedLetterRepository


# Per request, to stay within its time-out: SQS cannot fetch a message by its id and returns them in no order.
MAX_SEARCHED = 1_000


class HandledLetters(list[DeadLetter]):
    """The letters that matched. ``unexamined`` is about how many others the queues hold that were not received.

    Those are in flight with another receiver, or beyond the limit.
    """

    unexamined: int = 0


@dataclass(frozen=True)
class DeadLetterService:
    """Manage the dead-letter queues of a deployment. Raises QueueUnavailableError.

    Each operation examines as many letters of a queue as it held at the beginning, at most ``most``, so that letters
    that fail again meanwhile are not processed in a loop.
    """

    queues: "Sequence[DeadLetterQueueClient]"
    records: "DroppedLetterRepository"
    audit: "AuditRepository"
    is_not_erased: Callable[[str], bool]
    now: Callable[[], datetime]

    def find(self, criteria: DeadLetterFilter, most: int = sys.maxsize) -> HandledLetters:
        """Return the matching dead letters without changing them."""
        return _process(self.queues, criteria, most)

    def redrive(self, criteria: DeadLetterFilter, by: str, most: int = sys.maxsize) -> HandledLetters:
        """Redrive the matching dead letters to their source queues, if they have one, and return them.

        This writes nothing to Codat twice: a message only triggers a check, and retry plans from the stored history.
        The audit says who did it: also raises whatever DynamoDB raises.
        """

        def redrive_one(queue: "DeadLetterQueueClient", letter: DeadLetter) -> None:
            self._record(letter, Action.REPROCESS, by)
            queue.redrive(letter)

        with_source = [queue for queue in self.queues if queue.is_redrivable]
        return _process(with_source, criteria, most, redrive_one)

    def drop(self, criteria: DeadLetterFilter, dropping: DropDecision, most: int = sys.maxsize) -> HandledLetters:
        """Delete the matching dead letters, each after its record is stored, and return them.

        Also raises whatever DynamoDB raises: a letter without a record is not deleted.
        """

        def drop_one(queue: "DeadLetterQueueClient", letter: DeadLetter) -> None:
            self.records.put(letter, dropping)
            self._record(letter, Action.DROP, dropping.by, dropping.why)
            queue.delete(letter)

        return _process(self.queues, criteria, most, drop_one)

    def _record(self, letter: DeadLetter, action: Action, by: str, why: str = "") -> None:
        """Record what is about to be done with a letter. Of an erased company, only that there was a letter."""
        details = {"queue": letter.queue, "letter": letter.message_id, "cause": letter.reason, "reason": why}
        is_known = letter.company_id is not None and self.is_not_erased(letter.company_id)
        company_id, sync_id = (letter.company_id, letter.sync_id) if is_known else (None, None)
        self.audit.record(AuditEntry(self.now(), by, action, sync_id, company_id, details))


def delete_mentions(queues: "Sequence[DeadLetterQueueClient]", company_id: str) -> int:
    """Delete all letters that mention a company, without records, and return their number.

    Raises QueueUnavailableError.
    """
    criteria = DeadLetterFilter(mentioned=company_id)
    return len(_process(queues, criteria, None, lambda queue, letter: queue.delete(letter)))


def _process(
    queues: "Sequence[DeadLetterQueueClient]",
    criteria: DeadLetterFilter,
    most: int | None,
    action: "Callable[[DeadLetterQueueClient, DeadLetter], None] | None" = None,
) -> HandledLetters:
    """Apply ``action`` to each matching letter, and return those; release the others. ``most`` of None: no limit.

    SQS may deliver a letter twice: then the action is repeated, which does no harm, and the letter is returned once.
    """
    processed: dict[str, DeadLetter] = {}
    unexamined = 0
    for queue in queues:
        if criteria.queue not in {None, queue.name}:
            continue
        held = 0 if most is None else _depth(queue)
        with _released_afterwards(queue) as unprocessed:
            for some in queue.letters(sys.maxsize if most is None else min(held, most)):
                held -= len(some)
                unprocessed |= {letter.message_id: letter.receipt_handle for letter in some}
                for letter in filter(criteria.is_match, some):
                    if action:
                        action(queue, letter)
                        unprocessed.pop(letter.message_id, None)
                    processed[letter.message_id] = letter
                if criteria.is_satisfied_by(processed):
                    return HandledLetters(processed.values())
        unexamined += max(0, held)
    handled = HandledLetters(processed.values())
    handled.unexamined = unexamined
    return handled


def _depth(queue: "DeadLetterQueueClient") -> int:
    counts = queue.count()
    # SQS may still count letters that were just released as in flight.
    return counts.available + counts.in_flight


@contextmanager
def _released_afterwards(queue: "DeadLetterQueueClient") -> Iterator[dict[str, str]]:
    """Yield a mapping of letters to release at the end. Not earlier: SQS would deliver them again."""
    unprocessed: dict[str, str] = {}
    try:
        yield unprocessed
    finally:
        queue.release(unprocessed.values())
