"""What goes on meanwhile: a bar on a terminal; a line now and then elsewhere."""

import time
from typing import Protocol

from rich.console import Console
from rich.progress import Progress

_SECONDS_BETWEEN_LINES = 5.0


class Steps(Protocol):
    """Shows steps, one after another."""

    def begin(self, what: str) -> None:
        """Begin a step of which nobody knows how long it takes."""

    def count(self, done: int, total: int) -> None:
        """Tell how many webhooks are done with."""


class TerminalSteps:
    """One bar, which is the current step's."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None)

    def begin(self, what: str) -> None:
        """Let the bar pulse."""
        self._progress.reset(self._task, total=None, description=what)

    def count(self, done: int, total: int) -> None:
        """Let the bar grow."""
        self._progress.update(self._task, description=_counted(done, total), completed=done, total=total)


class PlainSteps:
    """Lines, few enough for a log."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last = time.monotonic()

    def begin(self, what: str) -> None:
        """Say what begins."""
        self._console.print(f"{what} …", soft_wrap=True)

    def count(self, done: int, total: int) -> None:
        """Say it if it has not been said for a while."""
        if time.monotonic() - self._last >= _SECONDS_BETWEEN_LINES:
            self._last = time.monotonic()
            self._console.print(f"{_counted(done, total)} …")


def _counted(done: int, total: int) -> str:
    return f"{done} of {total} webhooks handled"
