"""Run the browser that `make browser` found."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict

from playwright.sync_api import Browser, Error

from dev.browser.errors import NoBrowserError
from dev.browser.executable import Executable, started
from dev.paths import LOCAL

_RECORD = LOCAL / "browser.json"


def record(found: Executable | NoBrowserError) -> None:
    """Record which browser to run, or why there is none."""
    _RECORD.parent.mkdir(exist_ok=True)
    _RECORD.write_text(json.dumps({"missing": str(found)} if isinstance(found, NoBrowserError) else asdict(found)))


def missing() -> str | None:
    """Return the recorded reason why there is no browser."""
    try:
        _recorded()
    except NoBrowserError as error:
        return str(error)
    return None


@contextmanager
def browser() -> Iterator[Browser]:
    """Run the recorded browser. Raises NoBrowserError."""
    executable = _recorded()
    with ExitStack() as stack:
        try:
            running = stack.enter_context(started(executable))
        except Error as error:
            raise NoBrowserError(f"{executable.path} does not start; `make browser` finds another browser") from error
        yield running


def _recorded() -> Executable:
    if not _RECORD.exists():
        raise NoBrowserError("There is no browser yet; `make browser` finds or installs one")
    recorded = json.loads(_RECORD.read_text())
    if "missing" in recorded:
        raise NoBrowserError(f"There is no browser ({recorded['missing']})")
    return Executable(**recorded)
