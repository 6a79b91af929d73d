"""The browser that pages are looked at with: `python -m dev.browser` says whether there is one."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Error, sync_playwright

from ops.errors import LocalStackError, exit_on_error

_DEBIANS = Path("/usr/bin/chromium")
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
_MISSING = """There is no browser for the tests of the pages. One of these gets it:
  apt-get install chromium                  Debian's and Ubuntu's own
  .venv/bin/playwright install chromium     Playwright's own
  export CHROMIUM=/path/to/chromium         one that is there already"""


@contextmanager
def browser() -> Iterator[Browser]:
    """Run a browser: the one that CHROMIUM names, Debian's, or Playwright's own. Raises LocalStackError."""
    path = os.environ.get("CHROMIUM") or (str(_DEBIANS) if _DEBIANS.exists() else None)
    with sync_playwright() as playwright:
        try:
            running = playwright.chromium.launch(executable_path=path, args=_FLAGS)
        except Error as error:
            raise LocalStackError(_MISSING) from error
        with running:
            yield running


def main() -> None:
    """Say what is missing, if there is no browser."""
    with browser():
        pass


if __name__ == "__main__":
    with exit_on_error():
        main()
    sys.exit()
