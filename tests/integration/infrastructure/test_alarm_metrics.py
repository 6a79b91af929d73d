"""Alarms watch metrics that the functions really emit in CloudWatch's embedded metric format."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from codat_sync.core.timestamps import format_timestamp
from dev.codat_simulator.books.models import Item
from dev.codat_simulator.books.settling import Outcome, Verdict
from dev.codat_simulator.faults import Fault
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import SYNC_ID, UNSIGNED, load, signed
from tests.support.alarms import ALARMS, NAMESPACE, Metric, dashboard, metrics_of
from tests.support.aws import SIGNING_SECRET, Aws
from tests.support.handlers import StartFunction
from tests.support.sqs_batches import batch, of
from tests.support.submit_requests import EXPENSES, ask, expense


@pytest.fixture
def emitted_metrics(
    start: StartFunction, aws: Aws, simulated: SimulatedCodat, capsys: pytest.CaptureFixture[str]
) -> set[Metric]:
    """Cause every failure that alarms are about; returns the emitted metrics by their dimensions."""
    aws.environment.update({"POLL_INITIAL_DELAY_SECONDS": "0", "RETRY_MAX_ATTEMPTS": "0"})
    _comparison(start, simulated)
    _webhooks(start, aws, simulated)
    _retries(start, aws, simulated)
    _endless_syncs(start, aws, simulated)
    _refusals(start, aws, simulated)
    _failures(start, aws)
    return set(_metrics(capsys.readouterr().out))


def _webhooks(start: StartFunction, aws: Aws, simulated: SimulatedCodat) -> None:
    receiver = start("receiver")
    receiver(signed(load("receiver", "sync-unsuccessful"), SIGNING_SECRET))
    receiver(load("receiver", UNSIGNED))
    large = b" " * 2**20
    receiver(load("receiver", UNSIGNED) | {"body": large.decode(), "headers": simulated.sign(large).headers})
    aws.put_secret("WEBHOOK_SECRET", "not set yet")
    start("receiver")(load("receiver", UNSIGNED))


def _retries(start: StartFunction, aws: Aws, simulated: SimulatedCodat) -> None:
    """Fail as often as it is tried, fail in part, and lose an answer."""
    submit, worker, retry = start("submit"), start("worker"), start("retry")

    def fail() -> str:
        body = expense()
        sync_id = str(ask(submit, "POST", EXPENSES, [body]).body["syncId"])
        sync = simulated.settle(sync_id, Outcome(otherwise=Verdict("PushError", "busy")))
        worker(batch(of(simulated, sync, f"msg_{sync_id}")))
        return sync_id

    retry({"syncId": fail()})

    partly = fail()
    (item,) = simulated.sync(partly).items
    simulated.change_sync(partly, items=(item, Item(item.transaction_id, "Completed", "bankfeeds")))
    worker(batch(of(simulated, simulated.sync(partly), "msg_partly")))
    retry({"syncId": partly})

    aws.environment["RETRY_MAX_ATTEMPTS"] = "3"
    unknown, retry = fail(), start("retry")
    simulated.faults.add(Fault("status", status=500, path="expense-transactions$"))
    retry({"syncId": unknown})
    _unknown_outcome(start, aws)


def _unknown_outcome(start: StartFunction, aws: Aws) -> None:
    """Look up the outcome of the lost answer hours later."""
    found = aws.dynamodb.scan(
        TableName="syncs",
        FilterExpression="sk = :sub AND #state = :unknown",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues={":sub": {"S": "SUB"}, ":unknown": {"S": "unknown"}},
    )
    (item,) = found["Items"]
    aws.dynamodb.update_item(
        TableName="syncs",
        Key={"pk": item["pk"], "sk": item["sk"]},
        UpdateExpression="SET sentAt = :then, dueAt = :then",
        ExpressionAttributeValues={":then": {"S": format_timestamp(datetime.now(UTC) - timedelta(hours=3))}},
    )
    start("clock")({})
    bodies = [each["Body"] for each in aws.messages("RETRY_QUEUE")]
    start("retry")(batch(*(body for body in bodies if '"submission"' in body)))


def _endless_syncs(start: StartFunction, aws: Aws, simulated: SimulatedCodat) -> None:
    """Of one sync: stuck, then abandoned; then not known; and a call that fails."""
    worker, clock = start("worker"), start("clock")

    def checks_scheduled(after: timedelta) -> None:
        aws.dynamodb.update_item(
            TableName="syncs",
            Key={"pk": {"S": f"SYNC#{SYNC_ID}"}, "sk": {"S": "SYNC"}},
            UpdateExpression="SET pendingCheck.since = :then, dueAt = :then",
            ExpressionAttributeValues={":then": {"S": format_timestamp(datetime.now(UTC) - after)}},
        )
        aws.messages("SYNC_QUEUE")
        clock({})
        worker(batch(*(each["Body"] for each in aws.messages("SYNC_QUEUE"))))

    simulated.change_sync(SYNC_ID, code=1010)
    worker(batch(of(simulated, simulated.sync(SYNC_ID))))
    checks_scheduled(timedelta(days=2))
    checks_scheduled(timedelta(days=31))
    simulated.faults.add(Fault("status", times=2, status=404, path="status$"))
    worker(batch(of(simulated, simulated.sync(SYNC_ID), "msg_2")))
    checks_scheduled(timedelta(hours=2))
    simulated.faults.add(Fault("status", times=3, status=503))
    worker(batch(of(simulated, simulated.sync(SYNC_ID), "msg_3")))


def _comparison(start: StartFunction, simulated: SimulatedCodat) -> None:
    """Compare a complete company; the next run reports it."""
    start("worker")(batch(of(simulated, simulated.sync(SYNC_ID), "msg_0")))
    reconcile = start("reconcile")
    for _ in range(2):
        reconcile(load("reconcile", "each-five-minutes") | {"remaining_ms": 290_000})


def _refusals(start: StartFunction, aws: Aws, simulated: SimulatedCodat) -> None:
    aws.put_secret("CODAT_SECRET", {"apiKey": "a wrong one"})
    start("worker")(batch(of(simulated, simulated.sync(SYNC_ID), "msg_4")))
    start("clock")({})


def _failures(start: StartFunction, aws: Aws) -> None:
    """Hand over what can't be understood; take the bus away, and the table."""
    start("worker")(batch("not our message"))
    start("publish")(load("publish", "sync-failed"))
    retry = start("retry")
    aws.dynamodb.delete_table(TableName="syncs")
    retry(load("retry", "due"))


def _metrics(log: str) -> Iterator[Metric]:
    for line in (json.loads(line) for line in log.splitlines() if '"_aws"' in line):
        for directive in line["_aws"]["CloudWatchMetrics"]:
            for names in directive["Dimensions"]:
                dimensions = frozenset((name, line[name]) for name in names)
                yield from (Metric(directive["Namespace"], each["Name"], dimensions) for each in directive["Metrics"])


def test_alarms_and_the_dashboard_use_metrics_that_are_emitted(emitted_metrics: set[Metric], aws: Aws) -> None:
    """Namespace, name and every dimension: CloudWatch takes whatever it is given, and waits for it for ever."""
    shown, searches = dashboard()
    watched = {metric for alarm in ALARMS.values() for metric in metrics_of(alarm)} | set(shown)
    ours = {metric for metric in watched if not metric.namespace.startswith("AWS/")}
    assert len(ours) > 15
    emitted = {metric._replace(namespace=NAMESPACE) for metric in emitted_metrics}
    assert {metric.namespace for metric in emitted_metrics} == {aws.environment["POWERTOOLS_METRICS_NAMESPACE"]}
    assert ours - emitted == set()
    assert searches
    schemas = {(each.namespace, each.name, frozenset(name for name, _ in each.dimensions)) for each in emitted}
    assert set(searches) - schemas == set()
