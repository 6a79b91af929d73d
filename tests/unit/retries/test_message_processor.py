"""What happens to each message of RetryQueue."""

import json
from typing import TYPE_CHECKING, Any, cast

import pytest
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from codat_sync.core.errors import PoisonMessageError
from codat_sync.retries.message_processor import RetryMessageProcessor
from codat_sync.retries.requests import BulkRetryStep, RetryCommand

if TYPE_CHECKING:
    from codat_sync.messaging.queues import DeadLetterQueue

_VALID = {"v": 1, "kind": "retry", "companyId": "c", "syncId": "S", "correlationId": "retry-of-S"}
_OF_A_SUBMISSION = {
    "v": 1,
    "kind": "submission",
    "companyId": "c",
    "submissionId": "s",
    "correlationId": "outcome-of-s",
}


class DeadLetters:
    """Records what it is sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str | None, str]] = []

    def send(self, body: str, group: str | None, poison: PoisonMessageError) -> None:
        self.sent.append((body, group, poison.reason))


def _record(body: str) -> SQSRecord:
    return SQSRecord({"messageId": "m", "body": body, "attributes": {"MessageGroupId": "group"}})


def _process(body: Any, error: Exception | None = None) -> tuple[list[RetryCommand | BulkRetryStep | str], DeadLetters]:  # noqa: ANN401 - JSON
    executed: list[RetryCommand | BulkRetryStep | str] = []
    letters = DeadLetters()

    def execute(command: RetryCommand | BulkRetryStep | str) -> None:
        executed.append(command)
        if error:
            raise error

    text = body if isinstance(body, str) else json.dumps(body)
    RetryMessageProcessor(execute, execute, execute, cast("DeadLetterQueue", letters)).process(_record(text))
    return executed, letters


def test_a_message_is_an_automatic_retry_of_all_that_failed() -> None:
    """Only an operator's retry overrides waiting."""
    executed, letters = _process(_VALID)
    assert executed == [RetryCommand("S", None, is_manual=False, correlation_id="retry-of-S")]
    assert letters.sent == []


def test_a_message_about_a_submission_looks_up_its_outcome() -> None:
    """It is no retry."""
    executed, letters = _process(_OF_A_SUBMISSION)
    assert executed == ["s"]
    assert letters.sent == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (_OF_A_SUBMISSION | {"kind": "retry"}, "invalid-message"),
        ("", "invalid-message"),
        ("[]", "invalid-message"),
        (_VALID | {"kind": "check"}, "invalid-message"),
        (_VALID | {"syncId": "a/b"}, "malformed-sync-id"),
    ],
)
def test_a_message_that_no_retry_can_fix_is_dead_lettered(body: Any, reason: str) -> None:  # noqa: ANN401 - JSON
    """As it came, and nothing is executed."""
    executed, letters = _process(body)
    assert executed == []
    assert letters.sent == [(body if isinstance(body, str) else json.dumps(body), "group", reason)]


def test_an_error_is_raised_for_redelivery_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Lambda sees no error of a batch that has a response."""
    with pytest.raises(KeyError):
        _process(_VALID, KeyError("x"))
    assert [(record.levelname, record.message) for record in caplog.records] == [("ERROR", "message failed")]


@pytest.mark.parametrize("sync_id", ["S", None])
def test_a_message_about_a_bulk_retry_is_a_step_of_it(sync_id: str | None) -> None:
    """About one of its syncs, or about which these are."""
    ids = {"companyId": "", "bulkRetryId": "b", "syncId": sync_id, "correlationId": "bulk-retry-b"}
    executed, letters = _process({"v": 1, "kind": "bulkRetry", **ids})
    assert executed == [BulkRetryStep("b", sync_id)]
    assert letters.sent == []
