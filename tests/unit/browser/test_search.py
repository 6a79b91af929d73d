"""Where a browser comes from, and in which order the sources are tried."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.browser.command import run
from dev.browser.downloaded import DebianPackage, NpmPackage
from dev.browser.errors import NoBrowserError, UnavailableError
from dev.browser.executable import Executable, check_driver
from dev.browser.installed import Installed, Named
from dev.browser.search import find


class Shop:
    """Sells a browser: a script that exits with the given code."""

    def __init__(self, path: Path, code: int = 0) -> None:
        self.name = path.name
        self._path, self._code = path, code

    def present(self) -> Iterator[Executable]:
        if self._path.exists():
            yield Executable(str(self._path))

    def install(self) -> Executable:
        return Executable(_script(self._path, self._code))


def _script(path: Path, code: int = 0) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\nexit {code}\n")
    path.chmod(0o755)
    return str(path)


def _failure(executable: Executable) -> str | None:
    code = subprocess.run([str(executable.path)], check=False).returncode
    return f"exit {code}" if code else None


def test_the_named_browser_comes_before_an_installed_one(tmp_path: Path) -> None:
    chrome, named = _script(tmp_path / "bin" / "google-chrome"), _script(tmp_path / "mine")
    sources = (Named({"CHROMIUM": named}), Installed(str(tmp_path / "bin"), tmp_path))
    assert find(sources, _failure).path == named
    assert find((Named({}), sources[1]), _failure).path == chrome


def test_a_named_browser_that_does_not_start_is_reported_and_passed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chrome, named = _script(tmp_path / "bin" / "chromium"), _script(tmp_path / "mine", 1)
    assert find((Named({"CHROMIUM": named}), Installed(str(tmp_path / "bin"))), _failure).path == chrome
    assert f"{named} does not start: exit 1" in capsys.readouterr().out


def test_commands_come_before_applications_and_chrome_before_edge(tmp_path: Path) -> None:
    edge = _script(tmp_path / "bin" / "microsoft-edge")
    chromium = _script(tmp_path / "bin" / "chromium")
    chrome = _script(tmp_path / "bin" / "google-chrome")
    app = _script(tmp_path / "Applications" / "Chromium.app" / "Contents" / "MacOS" / "Chromium")
    installed = Installed(str(tmp_path / "bin"), tmp_path / "Applications")
    assert [found.path for found in installed.present()] == [chrome, chromium, edge, app]


def test_nothing_is_installed_while_a_later_source_has_a_browser(tmp_path: Path) -> None:
    there = _script(tmp_path / "second")
    assert find((Shop(tmp_path / "first"), Shop(tmp_path / "second")), _failure).path == there
    assert not (tmp_path / "first").exists()


def test_the_first_source_whose_browser_starts_installs_it(tmp_path: Path) -> None:
    shops = (Shop(tmp_path / "broken", 127), Shop(tmp_path / "good"), Shop(tmp_path / "never"))
    assert find((Named({}), Installed(str(tmp_path), tmp_path), *shops), _failure).path == str(tmp_path / "good")
    assert not (tmp_path / "never").exists()


def test_without_a_browser_every_source_gives_its_reason(tmp_path: Path) -> None:
    sources = (
        *(Named({}), Installed(str(tmp_path), tmp_path), Shop(tmp_path / "broken", 127)),
        *(DebianPackage(user=1000), NpmPackage(tmp_path / "chromium", ("Darwin", "arm64"))),
    )
    with pytest.raises(NoBrowserError) as raised:
        find(sources, _failure)
    assert [reason.partition(": ")[0] for reason in str(raised.value).split("; ")] == [each.name for each in sources]
    assert "broken: does not start (exit 127)" in str(raised.value)


def test_an_unpacked_browser_of_another_version_is_not_used(tmp_path: Path) -> None:
    _script(tmp_path / "chromium")
    (tmp_path / "package-lock.json").write_text("{}")
    assert not list(NpmPackage(tmp_path).present())


def test_a_download_that_hangs_is_given_up() -> None:
    with pytest.raises(UnavailableError, match="not installed within"):
        run("test-hangs", ["sh", "-c", "sleep 60 & sleep 60"], seconds=0.2)


def test_a_failed_download_leaves_its_output_in_a_log() -> None:
    lines: list[str] = []
    with pytest.raises(UnavailableError, match=r"see \.local/logs/browser/test-fails\.log"):
        run("test-fails", ["sh", "-c", "echo 10 %; echo trace >&2; exit 3"], seconds=60, on_line=lines.append)
    assert lines == ["10 %"]


def test_a_driver_that_cannot_run_is_reported(tmp_path: Path) -> None:
    for node in (tmp_path / "absent", Path(_script(tmp_path / "broken", 127))):
        with pytest.raises(NoBrowserError, match=node.name):
            check_driver(node)
