"""Errors raised when a browser cannot be used."""

from dev.errors import LocalStackError


class NoBrowserError(LocalStackError):
    """There is no browser on this machine; the text says why."""


class UnavailableError(Exception):
    """One source has no browser to offer; the text says why."""
