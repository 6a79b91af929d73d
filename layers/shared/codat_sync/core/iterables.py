"""Many things, a few at a time."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield ``items`` in lists of ``size``, made as they are asked for."""
    iterator = iter(items)  # itertools.batched is there only from Python 3.12 on
    while chunk := list(islice(iterator, size)):
        yield chunk
