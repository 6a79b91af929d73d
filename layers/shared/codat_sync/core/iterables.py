"""Iterate in batches."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield ``items`` lazily in lists of up to ``size``."""
    iterator = iter(items)  # itertools.batched requires Python 3.12
    while chunk := list(islice(iterator, size)):
        yield chunk
