"""What a person does about dead letters: looks at them, puts them back after the fix, or drops them and says why.

To put one back may write to Codat what had failed, and needs the role that a retry needs; so does to drop one.
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
    """The dead-letter queues of a deployment, and the record of what was dropped. Raises QueueUnavailableError.

    As many letters of each queue are looked through as it has at the beginning, ``most`` at most, so that what fails
    again meanwhile is not chased.
    """

    queues: "Sequence[DeadLetterQueueClient]"
    records: "DroppedLetterRepository"

    def find(self, wanted: DeadLetterFilter, most: int = sys.maxsize) -> list[DeadLetter]:
        """Return the dead letters that are wanted. They stay."""
        return _process(self.queues, wanted, _at_most(most))

    def redrive(self, wanted: DeadLetterFilter, most: int = sys.maxsize) -> list[DeadLetter]:
        """Put the dead letters that are wanted back to where they came from, if that was a queue, and return them.

        Nothing is written to Codat twice by it: a message says only that there is something to look at, and retry
        decides anew.
        """
        with_source = [queue for queue in self.queues if queue.is_redrivable]
        return _process(with_source, wanted, _at_most(most), lambda queue, letter: queue.redrive(letter))

    def drop(self, wanted: DeadLetterFilter, dropping: DropDecision, most: int = sys.maxsize) -> list[DeadLetter]:
        """Delete the dead letters that are wanted, each after it was written down, and return them.

        Raises what DynamoDB raises, too: what was not written down is not deleted.
        """

        def drop_one(queue: "DeadLetterQueueClient", letter: DeadLetter) -> None:
            self.records.put(letter, dropping)
            queue.delete(letter)

        return _process(self.queues, wanted, _at_most(most), drop_one)


def delete_mentions(queues: "Sequence[DeadLetterQueueClient]", company_id: str) -> int:
    """Delete all that speaks of a company, without a record, and return how many letters that were.

    Raises QueueUnavailableError.
    """
    wanted = DeadLetterFilter(mentioned=company_id)
    return len(_process(queues, wanted, lambda _: sys.maxsize, lambda queue, letter: queue.delete(letter)))


def _at_most(most: int) -> "Callable[[DeadLetterQueueClient], int]":
    def how_many(queue: "DeadLetterQueueClient") -> int:
        counts = queue.count()
        # What somebody has let go of just now SQS may still count as looked at.
        return min(counts.available + counts.in_flight, most)

    return how_many


def _process(
    queues: "Sequence[DeadLetterQueueClient]",
    wanted: DeadLetterFilter,
    how_many: "Callable[[DeadLetterQueueClient], int]",
    action: "Callable[[DeadLetterQueueClient, DeadLetter], None] | None" = None,
) -> list[DeadLetter]:
    """Have each letter that is wanted dealt with, and return those; the others are left as they were.

    SQS may hand over a letter twice: it is dealt with twice, which does no harm, and returned once.
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
    """Yield the letters, by their ids, that others see again at the end. Not before: SQS would hand them out again."""
    left: dict[str, str] = {}
    try:
        yield left
    finally:
        queue.release(left.values())
