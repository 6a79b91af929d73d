"""Take the screenshots of the README."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from playwright.sync_api import Browser, Page

from dev.browser.running import browser
from dev.codat_simulator.control.client import SimulatorControl
from dev.local_stack.sample_syncs import SampleHistory
from dev.local_stack.temporary_stack import local_stack
from dev.paths import ROOT
from ops.local_stack import Outputs

_FOLDER = ROOT / "docs" / "screenshots"
# A table is mostly text, which takes the most bytes: its picture is cut.
_WIDE, _TABLE, _PHONE = (1200, 800), (1200, 600), (390, 780)


@dataclass(frozen=True)
class _Shot:
    name: str
    path: str
    scheme: Literal["light", "dark"] = "light"
    size: tuple[int, int] = _WIDE


def capture_screenshots() -> None:
    """Take all of them on a new local stack with four weeks of sample syncs, and print their paths."""
    _FOLDER.mkdir(parents=True, exist_ok=True)
    with local_stack("screenshots") as outputs, browser() as running:
        with SimulatorControl(outputs.codat_url) as codat:
            SampleHistory(outputs, codat).generate()
        for shot in _shots(running, outputs):
            _take(running, outputs, shot)
            print(f"docs/screenshots/{shot.name}.png")


def _shots(running: Browser, outputs: Outputs) -> Iterator[_Shot]:
    sync = _retriable_sync(running, outputs)
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme in schemes:
        yield _Shot(f"dashboard-{scheme}", "", scheme)
        yield _Shot(f"history-{scheme}", "syncs", scheme, _TABLE)
        yield _Shot(f"sync-{scheme}", sync, scheme)
    yield _Shot("retry-light", f"{sync}/retry")
    yield _Shot("phone-light", "", "light", _PHONE)
    yield _Shot("phone-dark", f"{sync}/items", "dark", _PHONE)


def _retriable_sync(running: Browser, outputs: Outputs) -> str:
    """Return the path of what was submitted and failed: the newest."""
    with running.new_context(base_url=f"{outputs.api_url}/") as context:
        page = context.new_page()
        page.goto("syncs?outcome=failed")
        return f"syncs/{page.locator('td.c-sync a').first.inner_text()}"


def _take(running: Browser, outputs: Outputs, shot: _Shot) -> None:
    width, height = shot.size
    with running.new_context(
        base_url=f"{outputs.api_url}/", viewport={"width": width, "height": height}, color_scheme=shot.scheme
    ) as context:
        page: Page = context.new_page()
        page.goto(shot.path or "./")
        page.screenshot(path=_FOLDER / f"{shot.name}.png")
