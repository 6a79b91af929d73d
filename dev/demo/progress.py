"""Show progress: a bar on a terminal, occasional lines elsewhere."""

import time
from typing import Protocol

from rich.console import Console
from rich.progress import Progress

_SECONDS_BETWEEN_LINES = 5.0


class Steps(Protocol):
    """Shows the current step."""

    def begin(self, what: str) -> None:
        """Begin a step of unknown duration."""

    def count(self, done: int, total: int) -> None:
        """Report the number of webhooks processed."""


class TerminalSteps:
    """A progress bar for the current step."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None)

    def begin(self, what: str) -> None:
        """Show an indeterminate bar."""
        self._progress.reset(self._task, total=None, description=what)

    def count(self, done: int, total: int) -> None:
        """Advance the bar."""
        self._progress.update(self._task, description=_counted(done, total), completed=done, total=total)


class PlainSteps:
    """Lines of text, few enough for a log."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last = time.monotonic()

    def begin(self, what: str) -> None:
        """Print the step."""
        self._console.print(f"{what} …", soft_wrap=True)

    def count(self, done: int, total: int) -> None:
        """Print the progress, at most once per interval."""
        if time.monotonic() - self._last >= _SECONDS_BETWEEN_LINES:
            self._last = time.monotonic()
            self._console.print(f"{_counted(done, total)} …")


def _counted(done: int, total: int) -> str:
    return f"{done} of {total} webhooks processed"
