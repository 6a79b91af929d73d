"""Browsers that the user has installed."""

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from dev.browser.errors import UnavailableError
from dev.browser.executable import Executable

_COMMANDS = (
    *("google-chrome-stable", "google-chrome", "chromium", "chromium-browser"),
    *("microsoft-edge-stable", "microsoft-edge"),
)
_MAC_APPS = ("Google Chrome", "Chromium", "Microsoft Edge")


class Named:
    """The browser that the environment variable CHROMIUM names."""

    name = "CHROMIUM"

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._path = environment.get(self.name)

    def present(self) -> Iterator[Executable]:
        """Yield the named browser."""
        if self._path:
            yield Executable(self._path)

    def install(self) -> Executable:
        """Refuse: that is left to the user."""
        raise UnavailableError(f"{self._path} does not start" if self._path else "not set")


class Installed:
    """Chrome, Chromium or Edge, as a command or as an application of macOS."""

    name = "Chrome, Chromium or Edge"

    def __init__(self, path: str | None = None, applications: Path = Path("/Applications")) -> None:
        self._path = path
        self._applications = applications

    def present(self) -> Iterator[Executable]:
        """Yield what is installed: commands first, then applications."""
        for command in _COMMANDS:
            if path := shutil.which(command, path=self._path):
                yield Executable(path)
        for app in _MAC_APPS:
            if (binary := self._applications / f"{app}.app" / "Contents" / "MacOS" / app).exists():
                yield Executable(str(binary))

    def install(self) -> Executable:
        """Refuse: that is left to the user."""
        raise UnavailableError("none installed that starts" if any(self.present()) else "not installed")
