"""Codat's example event, which its Portal sends to test an endpoint: through receiver and worker."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import UNSIGNED, load
from tests.support.aws import Aws
from tests.support.handlers import StartFunction
from tests.support.sqs_batches import batch

_SYNC_EXAMPLES = [
    ("0498e921-9b53-4396-a412-4f2f5983b0a2", "ee2eb431-c0fa-4dc9-93fa-d29781c12bcd"),
    ("1f9559e7-8368-48c9-bdf4-f158e16b8b85", "321363b4-efa9-4fbc-b71c-0b58d62f3248"),
    ("1f9559e7-8368-48c9-bdf4-f158e16b8b85", "3bead2a1-1b3d-4d90-8077-cddc5ca68b01"),
    ("1f9559e7-8368-48c9-bdf4-f158e16b8b85", "a9367074-b5c3-42c4-9be4-be129f43577e"),
    ("1F9559E7-8368-48C9-BDF4-F158E16B8B85", "3BEAD2A1-1B3D-4D90-8077-CDDC5CA68B01"),
    ("another-company", "ee2eb431-c0fa-4dc9-93fa-d29781c12bcd"),
    ("0498e921-9b53-4396-a412-4f2f5983b0a2", "another-sync"),
]


def _sync_event(field: str, name: str, company_id: str, sync_id: str) -> dict[str, Any]:
    if "." in name:
        return {field: name, "payload": {"referenceCompany": {"id": company_id}, "syncId": sync_id}}
    return {field: name, "CompanyId": company_id, "Data": {"syncId": sync_id, "syncType": "Expense"}}


EXAMPLES = [
    *(
        _sync_event(field, name, *ids)
        for ids in _SYNC_EXAMPLES
        for field in ("eventType", "RuleType", "type", "Type", "TYPE")
        for name in ("expenses.sync.successful", "expenses.sync.unsuccessful", "Sync Completed", "SyncFailed")
    ),
    {"eventType": "connection.connected", "payload": {"referenceCompany": {"id": _SYNC_EXAMPLES[0][0]}}},
    {"type": "connection.deleted", "payload": {"referenceCompany": {"id": _SYNC_EXAMPLES[1][0]}}},
    {"Type": "company.deleted", "payload": {"id": _SYNC_EXAMPLES[0][0]}},
]


@pytest.fixture
def output(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[dict[str, Any]]]:
    """Return the log lines written since it was asked last."""
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]


def test_the_example_is_acknowledged_and_never_a_missing_sync(
    start: StartFunction, aws: Aws, simulated: SimulatedCodat, output: Callable[[], list[dict[str, Any]]]
) -> None:
    """It is logged, counted and remembered as a test, whatever its type and the name of that field."""
    receiver, worker = start("receiver"), start("worker")
    for number, example in enumerate(EXAMPLES):
        body = json.dumps(example).encode()
        headers = simulated.sign(body, webhook_id=f"msg_{number}").headers
        request = load("receiver", UNSIGNED) | {"body": body.decode(), "headers": headers}
        assert receiver(request)["statusCode"] == 202, example
    messages = [message["Body"] for message in aws.messages("SYNC_QUEUE")]
    assert len(messages) == len(EXAMPLES)
    for message in messages:
        assert worker(batch(message)) == {"batchItemFailures": []}
    lines = output()
    assert sum(line.get("kind") == "ExampleEventTask" for line in lines) == len(EXAMPLES)
    assert sum(sum(line.get("EventExample", [])) for line in lines) == len(EXAMPLES)
    assert not simulated.requests.entries
    items = aws.dynamodb.scan(TableName="syncs")["Items"]
    assert [(item["pk"]["S"], item["sk"]["S"]) for item in items] == [("WEBHOOK", "EXAMPLE")]
    assert aws.messages("SYNC_DEAD_LETTER_QUEUE") == []


@pytest.mark.parametrize("name", ["client.rateLimit.reached", "client.rateLimit.reset", "Rate Limit Reached"])
def test_the_example_of_a_quota_event_has_no_effect(
    start: StartFunction, aws: Aws, simulated: SimulatedCodat, name: str
) -> None:
    """It is about a day long past, so calls to Codat go on."""
    quota = {"dailyQuota": 12000, "quotaRemaining": 0, "expiryDate": "2024-09-01T12:14:14Z"}
    old = {"DailyQuota": 1000, "ExpiresUtc": "2023-05-03T00:00:00Z"}
    event = {"type": name, "generatedDate": "2024-09-01T00:00:00Z", "payload": quota, "Data": old}
    body = json.dumps(event).encode()
    request = load("receiver", UNSIGNED) | {"body": body.decode(), "headers": simulated.sign(body).headers}
    assert start("receiver")(request)["statusCode"] == 202
    (message,) = aws.messages("SYNC_QUEUE")
    worker = start("worker")
    assert worker(batch(message["Body"])) == {"batchItemFailures": []}
    assert worker(load("worker", "sync-successful")) == {"batchItemFailures": []}
    assert any("/syncs/" in entry.path for entry in simulated.requests.entries)
