"""The commands for unknown outcomes: list them all, and record what an operator states."""

import pytest

from codat_sync.aws.dynamodb import Table
from codat_sync.submissions.repository import SubmissionRepository
from codat_sync.submissions.resolution import ResolutionCommand
from codat_sync.submissions.submission import State
from dev.stored_events import COMPANY_ID
from ops.errors import CommandError
from ops.unknown_outcomes import commands
from ops.unknown_outcomes.cli import _parse_written
from tests.support.aws import Aws
from tests.support.tables.sync_table import add_unknown_outcome


@pytest.fixture
def table(aws: Aws) -> Table:
    """Return SyncTable."""
    return Table(aws.dynamodb, "syncs")


def test_all_are_listed_the_oldest_first(
    table: Table, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many pages there are."""
    monkeypatch.setattr(commands, "_AT_ONCE", 1)
    ids = [add_unknown_outcome(table, COMPANY_ID, f"t{hours}", f"u{hours}", hours=hours) for hours in (4, 30, 5)]
    commands.print_outcomes(table)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines[::2]] == [ids[1], ids[2], ids[0]]
    assert lines[1] == "  transactions: t30, u30"


@pytest.mark.parametrize(
    ("text", "state", "written"),
    [("all", State.ACCEPTED, "tu"), ("none", State.REJECTED, ""), ("u", State.ACCEPTED, "u")],
)
def test_a_statement_is_recorded(table: Table, text: str, state: State, written: str) -> None:
    """Once: then it says that the outcome is known."""
    submission_id = add_unknown_outcome(table, COMPANY_ID, "t", "u")
    command = ResolutionCommand(submission_id, _parse_written(text), "an operator", "ticket 7")
    commands.record(table, command)
    submission = SubmissionRepository(table).load(submission_id)
    assert submission
    assert (submission.state, submission.already_processed) == (state, frozenset(written))
    assert submission.resolution
    assert submission.resolution.by == "an operator"
    with pytest.raises(CommandError, match="its outcome is known"):
        commands.record(table, command)


def test_what_is_not_accepted_is_said(table: Table) -> None:
    """Nothing is recorded."""
    submission_id = add_unknown_outcome(table, COMPANY_ID, "t", hours=1)
    with pytest.raises(CommandError, match="sent again"):
        commands.record(table, ResolutionCommand(submission_id, frozenset(), "an operator", "ticket 7"))
    with pytest.raises(CommandError, match="does not exist"):
        commands.record(table, ResolutionCommand("another", None, "an operator", "ticket 7"))
