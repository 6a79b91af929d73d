"""Temporary folder of a running stack."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from dev.paths import RUN
from dev.processes.lock import is_locked, locked

_LOCK = "lock"


@contextmanager
def run_directory(name: str) -> Iterator[Path]:
    """Create a folder and remove it at the end of the block. Also removes folders that killed stacks left behind."""
    RUN.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        with locked(RUN / _LOCK):
            _remove_abandoned()
            directory = Path(tempfile.mkdtemp(dir=RUN, prefix=f"{name}-"))
            stack.callback(shutil.rmtree, directory, ignore_errors=True)
            stack.enter_context(locked(directory / _LOCK))
        yield directory


def _remove_abandoned() -> None:
    for directory in RUN.glob("*/"):
        if not is_locked(directory / _LOCK):
            shutil.rmtree(directory, ignore_errors=True)
