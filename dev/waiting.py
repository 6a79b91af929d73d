"""Wait for what happens in the background."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

# Only a failure takes this long: a busy machine may be slow, and is no failure.
PATIENCE_SECONDS: Final = 180

_POLL_SECONDS: Final = 0.05


def poll(
    look: Callable[[], T],
    *,
    seconds: float = PATIENCE_SECONDS,
    pause_seconds: float = _POLL_SECONDS,
    advance: Callable[[], object] = lambda: None,
) -> T:
    """Call ``look`` until its result is true or ``seconds`` have passed; returns the last result.

    Calls ``advance`` after each result that is not true.
    """
    deadline = time.monotonic() + seconds
    while not (found := look()) and time.monotonic() < deadline:
        advance()
        time.sleep(pause_seconds)
    return found
