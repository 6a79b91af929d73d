"""Errors that end a command, and how."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class CommandError(Exception):
    """A command can't do its work; its text says why, and how to fix it."""


@contextmanager
def exit_on_error() -> Iterator[None]:
    """Exit with one line instead of a traceback: code 1 after a CommandError, 130 after Ctrl-C."""
    try:
        yield
    except CommandError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
