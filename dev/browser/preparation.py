"""Find a browser or install one, and record it, before the tests and the screenshots."""

import os

from dev.browser.downloaded import DebianPackage, HeadlessShell, NpmPackage
from dev.browser.errors import NoBrowserError
from dev.browser.executable import check_driver, failure
from dev.browser.installed import Installed, Named
from dev.browser.running import record
from dev.browser.search import find


def prepare_browser() -> None:
    """Record a browser, or why there is none; under CI, fail without one."""
    try:
        check_driver()
        record(find((Named(), Installed(), HeadlessShell(), DebianPackage(), NpmPackage()), failure))
    except NoBrowserError as error:
        record(error)
        if os.environ.get("CI", "false") not in ("", "0", "false"):
            raise NoBrowserError(f"With CI set, no test may be left out, and there is no browser ({error})") from error
        print("browser: none works; the tests that need one will be left out", flush=True)
