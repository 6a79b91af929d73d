"""Let operators inspect dead letters, redrive them after a fix, or drop them with a reason.

A redrive may write to Codat what had failed. So it needs the same role as a retry, as does dropping a letter.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codat_sync.dead_letters.dead_letter import DeadLetter, DeadLetterFilter, DropDecision

if TYPE_CHECKING:
    from codat_sync.dead_letters.queue import DeadLetterQueueClient, DroppedLetterRepository


@dataclass(frozen=True)
class DeadLetterService:
    """Manage the dead-letter queues of a deployment. Raises QueueUnavailableError.

    Each operation examines as many letters of a queue as it held at the beginning, at most ``most``, so that letters
    that fail again meanwhile are not processed in a loop.
    """

    queues: "Sequence[DeadLetterQueueClient]"
    records: "DroppedLetterRepository"

    def find(self, wanted: DeadLetterFilter, most: int = sys.maxsize) -> list[DeadLetter]:
        """Return the matching dead letters without changing them."""
        return _process(self.queues, wanted, _at_most(most))

    def redrive(self, wanted: DeadLetterFilter, most: int = sys.maxsize) -> list[DeadLetter]:
        """Redrive the matching dead letters to their source queues, if they have one, and return them.

        This writes nothing to Codat twice: a message only says that there is something to check, and retry plans anew.
        """
        with_source = [queue for queue in self.queues if queue.is_redrivable]
        return _process(with_source, wanted, _at_most(most), lambda queue, letter: queue.redrive(letter))

    def drop(self, wanted: DeadLetterFilter, dropping: DropDecision, most: int = sys.maxsize) -> list[DeadLetter]:
        """Delete the matching dead letters, each after its record is stored, and return them.

        Also raises whatever DynamoDB raises: a letter without a record is not deleted.
        """

        def drop_one(queue: "DeadLetterQueueClient", letter: DeadLetter) -> None:
            self.records.put(letter, dropping)
            queue.delete(letter)

        return _process(self.queues, wanted, _at_most(most), drop_one)


def delete_mentions(queues: "Sequence[DeadLetterQueueClient]", company_id: str) -> int:
    """Delete all letters that mention a company, without records, and return their number.

    Raises QueueUnavailableError.
    """
    wanted = DeadLetterFilter(mentioned=company_id)
    return len(_process(queues, wanted, lambda _: sys.maxsize, lambda queue, letter: queue.delete(letter)))


def _at_most(most: int) -> "Callable[[DeadLetterQueueClient], int]":
    def how_many(queue: "DeadLetterQueueClient") -> int:
        counts = queue.count()
        # SQS may still count letters that were just released as in flight.
        return min(counts.available + counts.in_flight, most)

    return how_many


def _process(
    queues: "Sequence[DeadLetterQueueClient]",
    wanted: DeadLetterFilter,
    how_many: "Callable[[DeadLetterQueueClient], int]",
    action: "Callable[[DeadLetterQueueClient, DeadLetter], None] | None" = None,
) -> list[DeadLetter]:
    """Apply ``action`` to each matching letter, and return those; release the others.

    SQS may deliver a letter twice: then the action is repeated, which does no harm, and the letter is returned once.
    """
    done: dict[str, DeadLetter] = {}
    for queue in queues:
        if wanted.queue not in {None, queue.name}:
            continue
        with _released_afterwards(queue) as left:
            for some in queue.letters(how_many(queue)):
                left |= {letter.message_id: letter.receipt_handle for letter in some}
                for letter in filter(wanted.is_match, some):
                    if action:
                        action(queue, letter)
                        left.pop(letter.message_id, None)
                    done[letter.message_id] = letter
                if wanted.is_satisfied_by(done):
                    return list(done.values())
    return list(done.values())


@contextmanager
def _released_afterwards(queue: "DeadLetterQueueClient") -> Iterator[dict[str, str]]:
    """Yield a mapping of letters to release at the end. Not earlier: SQS would deliver them again."""
    left: dict[str, str] = {}
    try:
        yield left
    finally:
        queue.release(left.values())
