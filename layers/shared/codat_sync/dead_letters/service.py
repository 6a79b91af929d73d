"""What a person does about dead letters: looks at them, puts them back after the fix, or drops them and says why.

To put one back may write to Codat what had failed, and needs the role that a retry needs; so does to drop one.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codat_sync.dead_letters.dead_letter import DeadLetter, Drop, Wanted

if TYPE_CHECKING:
    from codat_sync.dead_letters.queue import DroppedLetters, SetAside


@dataclass(frozen=True)
class DeadLetters:
    """The dead-letter queues of a deployment, and the record of what was dropped. Raises QueueUnavailableError.

    As many letters of each queue are looked through as it has at the beginning, ``most`` at most, so that what fails
    again meanwhile is not chased.
    """

    queues: "Sequence[SetAside]"
    records: "DroppedLetters"

    def look(self, wanted: Wanted, most: int = sys.maxsize) -> list[DeadLetter]:
        """Return the dead letters that are wanted. They stay."""
        return _deal_with(self.queues, wanted, _at_most(most))

    def redrive(self, wanted: Wanted, most: int = sys.maxsize) -> list[DeadLetter]:
        """Put the dead letters that are wanted back to where they came from, if that was a queue, and return them.

        Nothing is written to Codat twice by it: a message says only that there is something to look at, and retry
        decides anew.
        """
        with_source = [queue for queue in self.queues if queue.leads_back]
        return _deal_with(with_source, wanted, _at_most(most), lambda queue, letter: queue.put_back(letter))

    def drop(self, wanted: Wanted, dropping: Drop, most: int = sys.maxsize) -> list[DeadLetter]:
        """Delete the dead letters that are wanted, each after it was written down, and return them.

        Raises what DynamoDB raises, too: what was not written down is not deleted.
        """

        def drop_one(queue: "SetAside", letter: DeadLetter) -> None:
            self.records.put(letter, dropping)
            queue.take_out(letter)

        return _deal_with(self.queues, wanted, _at_most(most), drop_one)


def erase(queues: "Sequence[SetAside]", company_id: str) -> int:
    """Delete all that speaks of a company, without a record, and return how many letters that were.

    Raises QueueUnavailableError.
    """
    wanted = Wanted(mentioned=company_id)
    return len(_deal_with(queues, wanted, lambda _: sys.maxsize, lambda queue, letter: queue.take_out(letter)))


def _at_most(most: int) -> "Callable[[SetAside], int]":
    def how_many(queue: "SetAside") -> int:
        counts = queue.count()
        # What somebody has let go of just now SQS may still count as looked at.
        return min(counts.waiting + counts.looked_at, most)

    return how_many


def _deal_with(
    queues: "Sequence[SetAside]",
    wanted: Wanted,
    how_many: "Callable[[SetAside], int]",
    deal: "Callable[[SetAside, DeadLetter], None] | None" = None,
) -> list[DeadLetter]:
    """Have each letter that is wanted dealt with, and return those; the others are left as they were.

    SQS may hand over a letter twice: it is dealt with twice, which does no harm, and returned once.
    """
    done: dict[str, DeadLetter] = {}
    for queue in queues:
        if wanted.queue not in {None, queue.name}:
            continue
        with _left_there(queue) as left:
            for some in queue.letters(how_many(queue)):
                left |= {letter.message_id: letter.receipt_handle for letter in some}
                for letter in filter(wanted.includes, some):
                    if deal:
                        deal(queue, letter)
                        left.pop(letter.message_id, None)
                    done[letter.message_id] = letter
                if wanted.are_all(done):
                    return list(done.values())
    return list(done.values())


@contextmanager
def _left_there(queue: "SetAside") -> Iterator[dict[str, str]]:
    """Yield the letters, by their ids, that others see again at the end. Not before: SQS would hand them out again."""
    left: dict[str, str] = {}
    try:
        yield left
    finally:
        queue.leave(left.values())
