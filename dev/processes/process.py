"""Processes that end with the block that started them, together with their own child processes."""

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

    Its output goes to ``log``; with ``read``, the caller reads its standard output instead.
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
            # None of them needs to clean up: SIGTERM would only take time.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
