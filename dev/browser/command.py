"""Run the command that installs a browser."""

import os
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from dev.browser.errors import UnavailableError
from dev.paths import LOGS, ROOT
from dev.processes.process import running


def run(
    name: str,
    command: Sequence[str],
    *,
    seconds: float,
    environment: Mapping[str, str] | None = None,
    on_line: Callable[[str], None] = lambda _: None,
) -> None:
    """Run a command and log its output. Raises UnavailableError if it fails or takes too long."""
    log = LOGS / "browser" / f"{name}.log"
    lines = []
    with running(command, log=log, env={**os.environ, **(environment or {})}, read=True) as process:
        timer = threading.Timer(seconds, _kill, [process.pid])
        timer.start()
        for line in process.stdout or ():
            lines.append(line)
            on_line(line.strip())
        code = process.wait()
        is_late = timer.finished.is_set()
        timer.cancel()
    with log.open("a") as file:
        file.writelines(lines)
    if is_late:
        raise UnavailableError(f"not installed within {seconds:.0f} s")
    if code:
        raise UnavailableError(f"could not be installed, see {log.relative_to(ROOT)}")


def _kill(group: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
