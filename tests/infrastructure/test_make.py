"""What the targets of the Makefile that a person uses at night hand on to their commands."""

import os
import shlex
import subprocess

import pytest

from dev.stored_events import EVENTS

ROOT = EVENTS.parent


def _make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Have make print what it would run."""
    variables = ("ENV", "ID", "REASON", "COMPANY", "QUEUE", "WHY", "ALL", "DRY_RUN", "MAKEFLAGS", "MAKELEVEL")
    environment = {name: value for name, value in os.environ.items() if name not in variables}
    return subprocess.run(
        ["make", "--dry-run", *arguments],  # noqa: S607 - found on the PATH, as a person's shell would
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("said", "command"),
    [
        (["dead-letters"], ["show"]),
        (["dead-letters", "ENV=prod"], ["show", "--stack", "codat-sync-prod"]),
        (["redrive", "REASON=malformed-answer", "DRY_RUN=1"], ["redrive", "--dry-run", "--reason", "$REASON"]),
        (["redrive", "ID=a b", "QUEUE=sync"], ["redrive", "--id", "a", "--id", "b", "--queue", "$QUEUE"]),
        (["drop", "COMPANY=a", "WHY=it is mine"], ["drop", "--company", "$COMPANY", "--why", "$WHY"]),
        (["drop", "ALL=1"], ["drop", "--all"]),
        (["forget", "COMPANY=a", "REASON=ticket 7"], ["$COMPANY", "--reason", "$REASON"]),
        (["forget", "COMPANY=a", "REASON=r", "DRY_RUN=1"], ["$COMPANY", "--reason", "$REASON", "--dry-run"]),
        (
            ["remember", "COMPANY=a", "REASON=r", "ENV=dev"],
            ["$COMPANY", "--reason", "$REASON", "--stack", "codat-sync-dev"],
        ),
        (["republish"], []),
        (["republish", "ENV=prod", "DRY_RUN=1"], ["--stack", "codat-sync-prod", "--dry-run"]),
    ],
)
def test_a_target_says_what_was_said(said: list[str], command: list[str]) -> None:
    """What may hold spaces or quotes goes by the environment, and is not the shell's to read."""
    made = _make(*said)
    assert made.returncode == 0, made.stderr
    (line,) = [line for line in made.stdout.splitlines() if line.startswith("python -m ops.")]
    assert shlex.split(line)[3:] == command


@pytest.mark.parametrize("target", ["forget", "remember"])
@pytest.mark.parametrize("said", [[], ["COMPANY=a"], ["REASON=r"]])
def test_a_company_is_not_forgotten_without_which_and_why(target: str, said: list[str]) -> None:
    """It says what is missing."""
    made = _make(target, *said)
    assert made.returncode == 2
    assert "is missing" in made.stderr
