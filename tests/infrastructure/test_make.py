"""The operators' make targets: what is given to make reaches the options of the commands, unread by any shell."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from ops.cli import app

ROOT = Path(__file__).parents[2]
VARIABLES = {
    "ENV",
    "STACK",
    "ID",
    "REASON",
    "COMPANY",
    "QUEUE",
    "WHY",
    "ALL",
    "DAYS",
    "DRY_RUN",
    "MAKEFLAGS",
    "MAKELEVEL",
}

FILTERS: dict[str, Any] = {"ids": (), "queue": None, "reason": None, "company": None}
COMPANY: dict[str, Any] = {"company": "a", "reason": "r", "stack": None}

# Takes the place of the shell of the recipes: prints the command that it is given, and its environment.
RECORDER = """#!{python}
import json, os, sys
print(json.dumps([sys.argv[-1], dict(os.environ)]))
"""


def _make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make without what it is not given here. The virtual environment is not set up again."""
    return subprocess.run(
        ["make", "--old-file=.venv/ready", *arguments],  # noqa: S607 - found on the PATH, as in a user's shell
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name not in VARIABLES},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def recorder(tmp_path: Path) -> Path:
    """Return the path of the recorder."""
    path = tmp_path / "recorder"
    path.write_text(RECORDER.format(python=sys.executable))
    path.chmod(0o700)
    return path


def _options(names: list[str]) -> dict[str, Any]:
    """Return the values that the options of a command of ``python -m ops`` have, with nothing on its command line."""
    command: Any = get_command(app)
    for name in names:
        command = command.commands[name]
    values: dict[str, Any] = command.make_context(names[-1], []).params
    # Several values are a tuple or a list, depending on typer's version.
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


@pytest.mark.parametrize(
    ("given", "command", "values"),
    [
        (["dead-letters"], "dead-letters list", FILTERS | {"stack": None}),
        (["dead-letters", "ENV=prod"], "dead-letters list", FILTERS | {"stack": "codat-sync-prod"}),
        (
            ["redrive", "REASON=malformed-response", "DRY_RUN=1"],
            "dead-letters redrive",
            FILTERS | {"stack": None, "reason": "malformed-response", "dry_run": True},
        ),
        (
            ["redrive", "ID=a b", "QUEUE=sync"],
            "dead-letters redrive",
            FILTERS | {"stack": None, "ids": ("a", "b"), "queue": "sync", "dry_run": False},
        ),
        (
            ["drop", "COMPANY=a", 'WHY=it\'s "mine"; $$(false) `false`'],
            "dead-letters drop",
            FILTERS
            | {"stack": None, "company": "a", "why": 'it\'s "mine"; $(false) `false`'}
            | {"drop_all": False, "dry_run": False},
        ),
        (
            ["drop", "ALL=1", "WHY=w"],
            "dead-letters drop",
            FILTERS | {"stack": None, "why": "w", "drop_all": True, "dry_run": False},
        ),
        (["erase", "COMPANY=a", "REASON=ticket 7"], "erase", COMPANY | {"reason": "ticket 7", "dry_run": False}),
        (["erase", "COMPANY=a", "REASON=r", "DRY_RUN=1"], "erase", COMPANY | {"dry_run": True}),
        (["erase", "COMPANY=a", "REASON=r", "DRY_RUN="], "erase", COMPANY | {"dry_run": False}),
        (["unerase", "COMPANY=a", "REASON=r", "ENV=dev"], "unerase", COMPANY | {"stack": "codat-sync-dev"}),
        (["republish"], "republish", {"stack": None, "dry_run": False}),
        (["republish", "ENV=prod", "DRY_RUN=1"], "republish", {"stack": "codat-sync-prod", "dry_run": True}),
        (["purge-bodies", "DAYS=90"], "purge-bodies", {"days": 90, "stack": None, "dry_run": False}),
        (["check"], "check", {"stack": None}),
        (["check", "ENV=prod"], "check", {"stack": "codat-sync-prod"}),
    ],
)
def test_a_target_passes_on_what_it_is_given(
    given: list[str], command: str, values: dict[str, Any], recorder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Values with spaces or quotes go through the environment, and never through a shell."""
    made = _make(f"SHELL={recorder}", *given)
    assert made.returncode == 0, made.stderr
    line, environment = json.loads(made.stdout)
    python, option, package, *names = shlex.split(line)
    assert ([python, option, package], " ".join(names)) == (["python", "-m", "ops"], command)
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name in VARIABLES & environment.keys():
        monkeypatch.setenv(name, environment[name])
    assert _options(names) == values


@pytest.mark.parametrize("target", ["erase", "unerase"])
@pytest.mark.parametrize(
    ("given", "missing"), [([], "--company"), (["COMPANY=a"], "--reason"), (["REASON=r"], "--company")]
)
def test_a_company_is_not_erased_without_which_and_why(target: str, given: list[str], missing: str) -> None:
    """The error names what is missing."""
    made = _make(target, *given)
    assert made.returncode == 2
    assert f"Missing option '{missing}' (env var: '{missing[2:].upper()}')" in made.stderr


@pytest.mark.parametrize("target", ["drop", "purge-bodies"])
def test_nothing_is_dropped_or_purged_without_a_reason_or_an_age(target: str) -> None:
    """The error names what is missing."""
    made = _make(target)
    assert made.returncode == 2
    assert f"Missing option '{'--why' if target == 'drop' else '--days'}'" in made.stderr
