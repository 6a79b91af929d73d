"""Wait for what happens in the background."""

from collections.abc import Callable
from typing import TypeVar

from dev.waiting import PATIENCE_SECONDS, poll

T = TypeVar("T")


def eventually(look: Callable[[], T | None]) -> T:
    """Return the first result of ``look`` that is true. Raises AssertionError if there is none in time."""
    if found := poll(look):
        return found
    raise AssertionError(f"it has not come to that within {PATIENCE_SECONDS} s")
