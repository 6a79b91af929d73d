"""What a person does about dead letters: looks at them, puts them back after the fix, or drops them and says why.

To put one back may write to Codat what had failed, and needs the role that a retry needs; so does to drop one.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from codat_sync.dead_letter import DeadLetter, Drop, Wanted

if TYPE_CHECKING:
    from codat_sync.set_aside import DroppedLetters, SetAside


def look(queues: "Iterable[SetAside]", wanted: Wanted) -> list[DeadLetter]:
    """Return the dead letters that are wanted. They stay. Raises QueueUnavailableError."""
    return [letter for queue in queues for letter in _dealt_with(queue, wanted, None)]


def redrive(queues: "Iterable[SetAside]", wanted: Wanted) -> list[DeadLetter]:
    """Put the dead letters that are wanted back to where they came from, and return them.

    Nothing is written to Codat twice by it: a message says only that there is something to look at, and retry decides
    anew. Raises QueueUnavailableError.
    """
    with_source = (queue for queue in queues if queue.leads_back)
    return [letter for queue in with_source for letter in _dealt_with(queue, wanted, queue.put_back)]


def drop(queues: "Iterable[SetAside]", wanted: Wanted, records: "DroppedLetters", dropping: Drop) -> list[DeadLetter]:
    """Delete the dead letters that are wanted, each after it was written down, and return them.

    Raises QueueUnavailableError, and what DynamoDB raises: what was not written down is not deleted.
    """
    dropped = []
    for queue in queues:

        def drop_one(letter: DeadLetter, queue: "SetAside" = queue) -> None:
            records.put(letter, dropping)
            queue.take_out(letter)

        dropped += _dealt_with(queue, wanted, drop_one)
    return dropped


def _dealt_with(queue: "SetAside", wanted: Wanted, deal: Callable[[DeadLetter], None] | None) -> list[DeadLetter]:
    """Have each letter that is wanted dealt with, and return those; the others are left as they were."""
    done, left = [], []
    try:
        for letter in queue.letters():
            left.append(letter)
            if wanted.includes(letter):
                done.append(letter)
                if deal:
                    deal(letter)
                    left.pop()
    finally:
        # Only now: SQS would hand them out once more.
        for letter in left:
            queue.leave(letter)
    return done
