"""The commands of `python -m ops` and `python -m dev`: help for each, a quick start, and who may import whom."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

import dev.cli
import ops.cli

ROOT = Path(__file__).parents[2]
PACKAGES = sorted({path.parent for name in ("dev", "ops") for path in (ROOT / name).rglob("*.py")})


def _commands(command: Any, names: tuple[str, ...]) -> Iterator[Any]:  # noqa: ANN401 - typer's own click has no types
    yield pytest.param(command, id=" ".join(names))
    for name, each in getattr(command, "commands", {}).items():
        yield from _commands(each, (*names, name))


COMMANDS = [each for cli in (dev.cli, ops.cli) for each in _commands(get_command(cli.app), (cli.__name__,))]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_what_it_does_with_an_example(command: Any) -> None:  # noqa: ANN401 - as above
    """Its options, too."""
    text = command.get_help(command.make_context("command", [], resilient_parsing=True))
    assert command.help
    assert "Examples:" in text
    assert [each.name for each in command.params if not getattr(each, "help", None)] == []


def test_help_loads_nothing_that_only_commands_need() -> None:
    """So it is there at once."""
    script = "import sys, dev.cli, ops.cli; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()
    assert "typer" in loaded
    assert not {"boto3", "botocore", "httpx", "playwright", "pydantic", "rich", "yaml"} & set(loaded)


def _imports(package: str) -> set[str]:
    """Return the packages that a package imports, for the type checker included."""
    nodes = [node for path in (ROOT / package).rglob("*.py") for node in ast.walk(ast.parse(path.read_text()))]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    return {name.split(".")[0] for name in names}


def test_operators_commands_need_no_development_tools() -> None:
    """And neither need tests."""
    assert not _imports("ops") & {"dev", "tests"}
    assert "tests" not in _imports("dev")


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_package_has_few_modules(package: Path) -> None:
    """At most 15: more are divided."""
    assert len([path for path in package.glob("*.py") if path.name != "__init__.py"]) <= 15
