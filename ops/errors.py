"""How a command ends that can't do what it is for."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class LocalStackError(Exception):
    """The local stack can't be run; the text is for the person who started it."""


@contextmanager
def told() -> Iterator[None]:
    """End a command with one line, not with a traceback, if it can't go on or is interrupted."""
    try:
        yield
    except LocalStackError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
