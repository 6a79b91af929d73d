"""Processes that end when the block does that started them, with all that they started themselves."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

_LEASH = Path(__file__).with_name("leash.py")


@contextmanager
def running(
    command: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    pass_fds: Sequence[int] = (),
    read: bool = False,
) -> Iterator[subprocess.Popen[str]]:
    """Run ``command`` in a process group of its own.

    What it says goes to ``log``; with ``read``, its standard output is there for the caller to read instead.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, _LEASH, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if read else file,
            stderr=file,
            env=env,
            pass_fds=pass_fds,
            start_new_session=True,
            text=True,
        )
    with process:
        try:
            yield process
        finally:
            # None of them has anything to put away: asking politely would only take time.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
