"""File locks between processes. The system releases a lock when its process ends, however it ends."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock ``path``. Raises BlockingIOError if another process does and ``wait`` is false."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def is_locked(path: Path) -> bool:
    """Return whether another process holds the lock ``path``."""
    try:
        with locked(path, wait=False):
            return False
    except BlockingIOError:
        return True
