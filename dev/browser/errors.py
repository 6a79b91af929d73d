"""Errors raised when a browser cannot be used."""

from ops.errors import CommandError

# The short reason that pytest gives for each test that is left out.
NO_BROWSER = "no browser"


class NoBrowserError(CommandError):
    """There is no browser on this machine; the text says why."""


class UnavailableError(Exception):
    """One source has no browser to offer; the text says why."""
