"""The runbook's commands and links are valid."""

import re
import subprocess

import pytest

from dev.deploying.template import read_template
from dev.stored_events import EVENTS

ROOT = EVENTS.parent
RUNBOOK = (ROOT / "docs/operations.md").read_text()
# Commands in code blocks, with an optional comment.
COMMANDS = re.findall(r"^make [^#\n]+", RUNBOOK, re.MULTILINE)
TITLES = re.findall(r"^## (.+)$", RUNBOOK, re.MULTILINE)


def _anchor(title: str) -> str:
    """Return what GitHub makes of a title."""
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def test_every_section_is_in_the_contents_and_every_link_leads_somewhere() -> None:
    """Once each."""
    assert len({_anchor(title) for title in TITLES}) == len(TITLES)
    contents = RUNBOOK.split("## ", 1)[0]
    assert re.findall(r"\[(.+?)\]\(#", contents) == TITLES
    assert set(re.findall(r"\]\(#([\w-]+)\)", RUNBOOK)) <= {_anchor(title) for title in TITLES}


def test_outputs_resources_and_parameters_that_are_named_are_there() -> None:
    """SAM's own among them: an alias or a schedule is called by its function."""
    template = read_template()
    outputs, resources = set(template["Outputs"]), set(template["Resources"])
    assert set(re.findall(r"\$\(output (\w+)\)", RUNBOOK)) <= outputs
    events = {
        f"{name}{event}"
        for name, each in template["Resources"].items()
        for event in each["Properties"].get("Events", ())
    }
    aliases = {f"{name}Aliaslive" for name in resources if name.endswith("Function")}
    named = set(re.findall(r"\$\(name (\w+)\)", RUNBOOK))
    assert len(named) > 3
    assert named <= resources | events | aliases
    assert set(
        re.findall(r"`((?!\w*Function)\w+(?:Enabled|Percent|Minutes|Seconds|Attempts|Deployment))(?:`|=)", RUNBOOK)
    ) <= set(template["Parameters"])


def test_commands_that_are_named_are_there() -> None:
    """In the Makefile."""
    made = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:`|^ *)make ([a-z-]+)", RUNBOOK, re.MULTILINE))
    assert len(named) > 3
    assert named <= made


def _run(command: str, *options: str) -> "subprocess.CompletedProcess[str]":
    """Run a command as it is typed, but with these options of make. The virtual environment is not set up again."""
    make = " ".join(["make", "--old-file=.venv/ready", *options])
    typed = re.sub(r"<[^>]*>", "x", command).replace("make", make, 1)
    return subprocess.run(["/bin/bash", "-c", typed], check=False, capture_output=True, cwd=ROOT, text=True)


@pytest.mark.parametrize("command", [*COMMANDS, "make dead-letters", "make redrive", "make drop ALL=1 WHY=x"])
def test_a_command_asks_for_nothing_more_than_is_typed(command: str) -> None:
    """Make knows all of it."""
    made = _run(command, "--dry-run")
    assert (made.returncode, made.stderr) == (0, "")


@pytest.mark.parametrize("command", ["make erase", "make erase COMPANY=x", "make unerase REASON=x"])
def test_a_company_is_not_erased_by_half_a_command(command: str) -> None:
    """It says what is missing."""
    made = _run(command)
    assert made.returncode == 2
    assert "Missing option '--" in made.stderr


def test_buttons_that_are_named_are_there() -> None:
    """On the pages of Sync Health."""
    pages = ROOT / "layers/shared/codat_sync/web/pages/templates"
    shown = " ".join(page.read_text() for page in pages.glob("*.html"))
    named = re.findall(r"\bpress(?:es)? \*(.+?)\*", RUNBOOK)
    assert len(named) > 3
    assert [each for each in named if f">{each}" not in shown] == []
