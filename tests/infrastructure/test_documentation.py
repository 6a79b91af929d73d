"""The README and docs name only links, files, commands and parameters that exist."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

import dev.cli
import ops.cli
from dev.deploying.template import read_template

ROOT = Path(__file__).parents[2]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/*.md"))]
# The changelog and the decisions name files of the past, too.
CURRENT = [path for path in DOCUMENTS if path.name not in {"CHANGELOG.md", "decisions.md"}]
# Paths in backticks are relative to one of these.
BASES = (ROOT, ROOT / "layers/shared/codat_sync")
# Made by a command, or no files: roles, and namespaces of metrics.
NOT_IN_THE_REPOSITORY = (".local", ".venv", ".aws-sam", "codat-sync/", "CodatSync/", "AWS/")
FILE_IN_BACKTICKS = re.compile(r"`([\w.-]+(?:/[\w.*<>-]+)+/?|[\w-]+\.(?:py|md|toml|ya?ml))`")

each_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
each_current_document = pytest.mark.parametrize("path", CURRENT, ids=lambda path: path.name)


def _anchors(path: Path) -> set[str]:
    """Return the anchors that GitHub gives to a document's headings."""
    titles = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def _broken(path: Path, link: str) -> bool:
    """Return whether a relative link leads to no file, or to no heading of one."""
    name, _, anchor = link.partition("#")
    target = path.parent / name if name else path
    return not target.exists() or bool(anchor and anchor not in _anchors(target))


@each_document
def test_every_relative_link_leads_to_a_file_and_a_heading(path: Path) -> None:
    """Images and their sources in dark mode as well."""
    links = re.findall(r"\]\(([^)\s]+)\)|(?:src|srcset)=\"([^\"]+)\"", path.read_text())
    assert [link for link in map("".join, links) if "://" not in link and _broken(path, link)] == []


@each_current_document
def test_every_file_in_backticks_exists(path: Path) -> None:
    """Of a pattern such as `events/<function>/*.json`, at least one file has to match."""
    names = [name for name in FILE_IN_BACKTICKS.findall(path.read_text()) if not name.startswith(NOT_IN_THE_REPOSITORY)]
    patterns = {name: re.sub(r"<\w+>", "*", name).rstrip("/") for name in names}
    assert [name for name, pattern in patterns.items() if not any(any(base.glob(pattern)) for base in BASES)] == []


@each_current_document
def test_every_make_target_exists(path: Path) -> None:
    """In code blocks and in backticks."""
    makefile = (ROOT / "Makefile").read_text()
    targets = {name for line in re.findall(r"^([a-z][a-z -]*):(?!=)", makefile, re.MULTILINE) for name in line.split()}
    named = re.findall(r"(?:`|^ *)make ([a-z][a-z-]+)", path.read_text(), re.MULTILINE)
    assert set(named) <= targets


@each_current_document
def test_every_python_command_exists(path: Path) -> None:
    """Of `python -m dev` and `python -m ops`, with the subcommands of a group."""
    commands = {name: get_command(cli.app) for name, cli in (("dev", dev.cli), ("ops", ops.cli))}
    named = re.findall(r"python -m (dev|ops)((?: [a-z][a-z-]+)*)", path.read_text())
    assert [words for name, words in named if not _is_command(commands[name], words.split())] == []


def _is_command(command: Any, words: list[str]) -> bool:  # noqa: ANN401 - typer's own click has no types
    """Return whether the words lead to a command. What follows one without subcommands are its arguments."""
    subcommands = getattr(command, "commands", None)
    if not words or not subcommands:
        return True
    return words[0] in subcommands and _is_command(subcommands[words[0]], words[1:])


def _parameters() -> Iterator[tuple[str, str]]:
    """Yield each row of the README's table of parameters: name and default."""
    section = (ROOT / "README.md").read_text().partition("### Parameters")[2].partition("\n## ")[0]
    for name, default in re.findall(r"^\| `(\w+)` \| (.+?) \|", section, re.MULTILINE):
        yield name, default.strip("`")


def test_the_table_of_parameters_is_the_templates() -> None:
    """An empty default may be described in words, such as the API's own URL."""
    documented = dict(_parameters())
    parameters = read_template()["Parameters"]
    assert set(documented) == set(parameters)
    defaults = {name: str(each["Default"]) for name, each in parameters.items()}
    # Which environment has another default is said after a comma.
    stated = {name: default.partition("`, in ")[0] for name, default in documented.items()}
    assert {name: stated[name] for name, default in defaults.items() if default} == {
        name: default for name, default in defaults.items() if default
    }


# Menus of Codat's Portal, as its documentation names them.
MENUS = {
    "Developers > API keys",
    "Settings > Webhooks",
    "Settings > Webhooks > Configure consumer",
    "Monitor > Webhooks > Events",
}


def test_menus_of_codats_portal_are_those_of_its_documentation() -> None:
    """In the docs, the template, and what commands and pages print."""
    code = [
        path for name in ("ops", "dev", "functions", "layers/shared/codat_sync") for path in (ROOT / name).rglob("*")
    ]
    files = [*CURRENT, ROOT / "template.yaml", *(path for path in code if path.suffix in {".py", ".html"})]
    menu = re.compile(r"\b(?:Developers|Settings|Monitor)(?: > [A-Z]\w+(?: [a-z]+)*)+")
    named = {found for path in files for found in menu.findall(path.read_text())}
    assert "Developers > API keys" in named
    assert {re.sub(r" (shows|has|what).*", "", found) for found in named} <= MENUS


def test_every_log_line_is_in_the_table_of_the_runbook() -> None:
    """By its constant text, and each line of the table is one that is logged."""
    sources = [*(ROOT / "functions").rglob("*.py"), *(ROOT / "layers/shared/codat_sync").rglob("*.py")]
    texts = "\n".join(path.read_text() for path in sources)
    logged = set(re.findall(r"logger\.(?:info|warning|error|exception)\(\s*\"([^\"]+)\"", texts))
    table = (ROOT / "docs/operations.md").read_text().partition("\n## Logs\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]+`) \| (?:info|warning|error)", table, re.MULTILINE)
    documented = {name for row in rows for name in re.findall("`([^`]+)`", row)}
    assert logged - documented == set()
    # The worker logs the name of a sync's condition.
    assert documented - logged <= {"stuck", "missing", "abandoned"}
