"""A browser for the tests of the pages and for screenshots: `python -m dev.browser` finds one or installs it."""

from dev.browser.errors import NoBrowserError
from dev.browser.running import browser

__all__ = ["NoBrowserError", "browser"]
