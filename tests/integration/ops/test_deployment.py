"""A stack that can't be read: what is missing is named, with the command that supplies it."""

from pathlib import Path

import pytest

from ops import local_stack
from ops.deployment import Deployment
from ops.errors import CommandError
from ops.local_stack import REGION, Outputs

_OUTPUTS = Outputs("", "", "", "", "", "", "", "http://127.0.0.1:9", REGION, "secret", "key")


@pytest.mark.parametrize(
    ("missing", "remedy"),
    [
        (("AWS_DEFAULT_REGION",), "export AWS_DEFAULT_REGION"),
        (("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "aws configure"),
        (("AWS_SECRET_ACCESS_KEY",), "aws configure"),
    ],
)
def test_what_a_shell_lacks_for_aws_is_named(
    monkeypatch: pytest.MonkeyPatch, missing: tuple[str, ...], remedy: str
) -> None:
    for name in missing:
        monkeypatch.delenv(name)
    with pytest.raises(CommandError, match=remedy):
        Deployment.connect("codat-sync-dev")


def test_a_profile_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(CommandError, match=r"nobody.*\n.*export AWS_PROFILE"):
        Deployment.connect("codat-sync-dev")


@pytest.mark.parametrize("content", [None, "", "{}", '{"webhookUrl": "of another version"}'])
def test_a_local_stack_that_does_not_run_is_started_with_make_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None
) -> None:
    """It never ran, or another version's did."""
    outputs = tmp_path / "outputs.json"
    if content is not None:
        outputs.write_text(content)
    monkeypatch.setattr(local_stack, "OUTPUTS", outputs)
    with pytest.raises(CommandError, match="make up"):
        Deployment.connect(None)


def test_a_local_stack_that_has_ended_is_started_with_make_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its outputs are still there, as after a restart of the machine."""
    monkeypatch.setattr(Outputs, "read", lambda: _OUTPUTS)
    with pytest.raises(CommandError, match=r"Could not connect.*\nStart it with `make up`"):
        Deployment.connect(None)
