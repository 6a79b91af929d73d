"""What SAM CLI prints is a function's answer, or the reason for there being none."""

import pytest

from dev.sam_local.sam_cli import NoAnswerError, read_answer

_TIMED_OUT = "Mounting …\nFunction 'WorkerFunction' timed out after 300 seconds\n"
_NOT_CONNECTED = "Timed out while attempting to establish a connection to the container. You can increase this"


@pytest.mark.parametrize("text", ['{"batchItemFailures": []}', '{"statusCode": 202}\n', "[]"])
def test_an_answer_is_read_as_json(text: str) -> None:
    assert str(read_answer(text, "", 0)).replace("'", '"') == text.strip()


@pytest.mark.parametrize(
    ("text", "log", "why"),
    [
        ("", _TIMED_OUT, "the function started, and reached its own timeout of 300 s"),
        ("", _NOT_CONNECTED, "the container did not start in time"),
        ("", "Error: Docker is gone", "ended with code 1"),
        (
            '{"errorMessage": "no module", "errorType": "ImportModuleError"}',
            "",
            "the function failed: .*module",
        ),
        ("no JSON", "", "the function failed: no JSON"),
        # RIE's answer in place of the function's, which ended with its container.
        ('{"errorMessage": "exited"}', _TIMED_OUT, "reached its own timeout"),
    ],
)
def test_no_answer_has_a_reason(text: str, log: str, why: str) -> None:
    """Of the container, or of the function."""
    with pytest.raises(NoAnswerError, match=why):
        read_answer(text, log, 1)
