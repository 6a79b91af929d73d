"""Logs and metrics of a batch allow tracing an event and contain no private data."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from codat_sync.core.timestamps import format_timestamp
from dev.codat_simulator.books.models import Item
from dev.codat_simulator.faults import Fault
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID, SYNC_ID, load
from tests.support.aws import Aws
from tests.support.handlers import StartFunction
from tests.support.sqs_batches import batch, failed, message, of


class Output:
    """What a function wrote to its log: lines, and metrics in CloudWatch's embedded format."""

    def __init__(self, text: str) -> None:
        written = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        self.lines = [line for line in written if "_aws" not in line]
        self.metrics = [line for line in written if "_aws" in line]

    def count(self, name: str, **dimensions: str) -> float:
        """Return the sum of a metric with these dimensions."""
        return sum(sum(line[name]) for line in self.metrics if name in line and dimensions.items() <= line.items())

    def values(self, name: str) -> list[float]:
        """Return the values of a metric, whatever its dimensions."""
        return [value for line in self.metrics if name in line for value in line[name]]


@pytest.fixture
def output(capsys: pytest.CaptureFixture[str]) -> Callable[[], Output]:
    """Return what was written since it was asked last."""
    return lambda: Output(capsys.readouterr().out)


def test_one_correlation_id_leads_from_the_webhook_to_the_last_write(
    start: StartFunction, aws: Aws, simulated: SimulatedCodat, output: Callable[[], Output]
) -> None:
    """It is in the log of each check, on the event and in the clock's tasks."""
    aws.environment["POLL_INITIAL_DELAY_SECONDS"] = "0"
    simulated.change_sync(SYNC_ID, code=1000)
    worker = start("worker")
    worker(batch(of(simulated, simulated.sync(SYNC_ID)) | {"correlationId": "from-the-receiver"}))
    start("clock")({})
    (check,) = aws.messages("SYNC_QUEUE")
    worker(batch(check["Body"]))
    done = [line for line in output().lines if line["message"] == "task processed"]
    assert [line["correlation_ids"] for line in done] == [["from-the-receiver"]] * 2
    event = aws.dynamodb.get_item(TableName="syncs", Key={"pk": {"S": f"SYNC#{SYNC_ID}"}, "sk": {"S": "EVENT#msg_1"}})[
        "Item"
    ]
    assert event["correlationId"] == {"S": "from-the-receiver"}


def test_a_batch_is_counted_by_outcome(
    start: StartFunction, simulated: SimulatedCodat, output: Callable[[], Output]
) -> None:
    """Events by type, syncs by outcome, transactions by status, calls by answer; a sync once for all its events."""
    company = simulated.company(COMPANY_ID)
    good = simulated.add_sync(company, 2000, (Item("a"), Item("b"), Item("c", "PushError")))
    commerce = message(
        simulated.event(good, generation="old", overrides={"Data": {"syncType": "Commerce"}}), "msg_commerce"
    )
    start("worker")(
        batch(
            of(simulated, simulated.sync(SYNC_ID), "msg_1"),
            of(simulated, simulated.sync(SYNC_ID), "msg_2"),
            of(simulated, good, "msg_3"),
            commerce,
            "poison",
        )
    )
    emitted = output()
    assert emitted.count("Events", eventType="expenses.sync.unsuccessful") == 3
    assert emitted.count("Events", eventType="Sync Failed") == 1
    assert emitted.count("Syncs", outcome="failed") == 2
    assert emitted.count("Transactions", status="Completed") == 3
    assert emitted.count("Transactions", status="PushError") == 2
    assert emitted.count("CodatCalls", status="200") == len(simulated.requests.entries) == 7
    assert (emitted.count("SyncCommitted"), emitted.count("EventIgnored"), emitted.count("MessageDeadLettered")) == (
        3,
        1,
        1,
    )
    assert emitted.values("QuotaRemaining") == [simulated.quota.remaining]
    assert {line["_aws"]["CloudWatchMetrics"][0]["Namespace"] for line in emitted.metrics} == {"CodatSync"}


def test_the_quota_is_reported_only_by_a_batch_that_used_it(
    start: StartFunction, simulated: SimulatedCodat, output: Callable[[], Output]
) -> None:
    """A batch without calls knows no more than the one before it."""
    worker = start("worker")
    worker(batch(of(simulated, simulated.sync(SYNC_ID), "msg_1")))
    emitted = output()
    assert len(emitted.values("QuotaRemaining")) == len(emitted.values("QuotaPercentRemaining")) == 1
    worker(batch(message({"eventType": "bills.read"}, "msg_2")))
    emitted = output()
    assert emitted.count("EventIgnored") == 1
    assert emitted.values("QuotaRemaining") + emitted.values("CodatCalls") == []


def test_the_lag_is_from_codats_event_to_what_stands_in_the_table(
    start: StartFunction, simulated: SimulatedCodat, output: Callable[[], Output]
) -> None:
    """In milliseconds, one for each event; an event without a date has none."""
    generated = (datetime.now(UTC) - timedelta(seconds=90)).isoformat()
    dated = simulated.event(simulated.sync(SYNC_ID), overrides={"generatedDate": generated})
    undated = simulated.event(simulated.sync(SYNC_ID), generation="old")
    start("worker")(batch(message(dated, "msg_1"), message(undated, "msg_2")))
    (lag,) = output().values("SyncLag")
    assert 90_000 <= lag < 120_000


def test_an_invalid_event_type_is_counted(
    start: StartFunction, simulated: SimulatedCodat, output: Callable[[], Output]
) -> None:
    """CloudWatch would refuse the metric with it."""
    events = [{"eventType": name} for name in ("é", "a\x00b", "x" * 500, "bills.read")]
    start("worker")(batch(*(message(event, f"msg_{n}") for n, event in enumerate(events))))
    emitted = output()
    assert emitted.count("Events", eventType="other") == 3
    assert emitted.count("Events", eventType="bills.read") == 1
    assert simulated.requests.entries == ()


def test_codats_answers_are_counted_although_the_message_is_redelivered(
    start: StartFunction, simulated: SimulatedCodat, output: Callable[[], Output]
) -> None:
    """A broken connection has no status."""
    simulated.faults.add(Fault("status", status=503))
    simulated.faults.add(Fault("reset"))
    simulated.faults.add(Fault("disconnect"))
    start("worker")(batch(of(simulated, simulated.sync(SYNC_ID))))
    emitted = output()
    assert emitted.count("CodatCalls", status="503") == 1
    assert emitted.count("CodatCalls", status="unreachable") == 2
    assert emitted.count("MessageFailed") == 1
    (line,) = (line for line in emitted.lines if line["message"] == "message will be redelivered")
    assert 5 <= line["seconds"] <= 15
    assert (line["sync_id"], line["webhook_ids"]) == (SYNC_ID, ["msg_1"])


def test_a_failed_retry_is_reported_and_redelivered(
    start: StartFunction, aws: Aws, output: Callable[[], Output]
) -> None:
    """Lambda counts no error: the batch is answered."""
    retry, due = start("retry"), load("retry", "due")
    aws.dynamodb.delete_table(TableName="syncs")
    assert failed(retry(due)) == [due["Records"][0]["messageId"]]
    emitted = output()
    assert emitted.count("MessageFailed", service="retry") == 1
    (line,) = (line for line in emitted.lines if line["message"] == "message failed")
    assert (line["sync_id"], line["level"]) == (SYNC_ID, "ERROR")
    assert line["exception_name"] == "ResourceNotFoundException"


def test_what_needs_an_operator_is_logged_as_an_error(
    start: StartFunction, aws: Aws, simulated: SimulatedCodat, output: Callable[[], Output]
) -> None:
    """And counted: here a sync that has been in progress for more than a day."""
    aws.environment["POLL_INITIAL_DELAY_SECONDS"] = "0"
    simulated.change_sync(SYNC_ID, code=1010)
    worker, clock = start("worker"), start("clock")
    worker(batch(of(simulated, simulated.sync(SYNC_ID))))
    aws.dynamodb.update_item(
        TableName="syncs",
        Key={"pk": {"S": f"SYNC#{SYNC_ID}"}, "sk": {"S": "SYNC"}},
        UpdateExpression="SET pendingCheck.since = :long_ago",
        ExpressionAttributeValues={":long_ago": {"S": format_timestamp(datetime.now(UTC) - timedelta(days=2))}},
    )
    clock({})
    (check,) = aws.messages("SYNC_QUEUE")
    worker(batch(check["Body"]))
    emitted = output()
    (line,) = (line for line in emitted.lines if line["level"] == "ERROR")
    assert (line["message"], line["sync_id"], line["company_id"]) == ("stuck", SYNC_ID, COMPANY_ID)
    assert emitted.count("SyncStuck") == 1
    assert emitted.count("DueItemsEnqueued") == 1


def _telling(_error: object) -> dict[str, object]:
    return {"statusCode": 500, "error": "Employee Mustermann is not there.", "correlationId": "of-codat"}


@pytest.mark.parametrize("private", ["Mustermann", "archived", "Toft", "Bäckerei", "an API key"])
def test_nothing_private_is_logged(
    start: StartFunction,
    simulated: SimulatedCodat,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    private: str,
) -> None:
    """Whatever goes wrong."""
    worker = start("worker")
    event: dict[str, Any] = simulated.event(company=simulated.company(COMPANY_ID), event_type="connection.failed")
    simulated.faults.add(Fault("wrong_shape", times=3, path="transactions$"))
    simulated.faults.add(Fault("status", times=3, status=500, path="connections$"))
    monkeypatch.setattr("dev.codat_simulator.api.errors.CodatApiError.body", _telling)
    worker(batch(of(simulated, simulated.sync(SYNC_ID)), message(event, "msg_2")))
    worker(batch(of(simulated, simulated.sync(SYNC_ID)), message(event, "msg_2")))
    log = capsys.readouterr().out
    assert SYNC_ID in log
    assert '"codat_correlation_id":"of-codat"' in log
    assert private not in log
