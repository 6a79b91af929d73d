"""Responses of the retry API."""

import json
from typing import Any

import pytest

from codat_sync.auth.roles import AccessPolicy
from codat_sync.core.clock import utc_now
from codat_sync.idempotency.repository import IdempotencyRepository
from codat_sync.idempotency.requests import IdempotentRequests
from codat_sync.retries.command_service import RetryReport
from codat_sync.retries.planner import Plan
from codat_sync.retries.requests import RetryCommand
from codat_sync.retries.responses import answer_request
from codat_sync.retries.service import RetryResult
from codat_sync.syncs.retry_record import Retry, RetryState, Step
from tests.support.tables.fake_table import fake_table

_SYNC_ID = "8a210b68-6988-11ed-a1eb-0242ac120002"
_EVENT: dict[str, Any] = {
    "rawPath": f"/api/v1/syncs/{_SYNC_ID}/retry",
    "requestContext": {"requestId": "request"},
    "body": None,
}
_REQUESTS = IdempotentRequests(IdempotencyRepository(fake_table()), utc_now)


def _report(command: RetryCommand) -> RetryReport:
    return RetryReport(command.sync_id, (), Retry(RetryState.STOPPED, (), {}, None, {}))


def _nothing(_: RetryCommand) -> None:
    return None


@pytest.mark.parametrize(
    ("is_enabled", "body", "execute", "status"),
    [
        (False, None, _report, 200),
        (False, None, _nothing, 404),
        (False, "[]", _report, 400),
        (True, None, _report, 403),
    ],
)
def test_each_result_has_its_status(*, is_enabled: bool, body: str | None, execute: Any, status: int) -> None:  # noqa: ANN401 - either of the two above
    """Without a token with the role nothing is executed; problems name their status."""
    response = answer_request(_EVENT | {"body": body}, AccessPolicy(is_enabled, ()), _REQUESTS, execute)
    answer = json.loads(response["body"])
    assert response["statusCode"] == status
    assert answer.get("syncId" if status == 200 else "status") == (_SYNC_ID if status == 200 else status)


def test_a_report_of_any_length_fits_into_a_response() -> None:
    """Lambda would lose a larger one, after the retry was done."""
    plan = Plan(Step.OUTCOME_UNKNOWN, "x" * 300)
    results = [RetryResult(f"3b5a9d2c-9f2f-4a2e-8f5a-{number:012}", plan) for number in range(20_000)]

    def report(command: RetryCommand) -> RetryReport:
        return RetryReport(command.sync_id, results, Retry(RetryState.STOPPED, (), {}, None, {}))

    response = answer_request(_EVENT, AccessPolicy(False, ()), _REQUESTS, report)  # noqa: FBT003 - the name is private
    answer = json.loads(response["body"])
    assert len(json.dumps(response)) < 6 * 1024 * 1024
    assert (len(answer["transactions"]), answer["isTruncated"]) == (5000, True)
