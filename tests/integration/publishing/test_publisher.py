"""Publish what is committed to the table, and nothing else, as events on the bus."""

from collections import Counter
from typing import Any

import pytest

from codat_sync.publishing import events as event_types
from codat_sync.syncs.repository import SyncRepository
from dev.codat_simulator.books.models import Item
from dev.codat_simulator.books.settling import Outcome as Settled
from dev.codat_simulator.books.settling import Verdict
from dev.codat_simulator.simulator import SimulatedCodat
from dev.local_stack.bus_subscriber import Event
from dev.stored_events import COMPANY_ID, PUBLISH_EVENTS, SYNC_ID, TRANSACTION_IDS, load
from tests.support.aws import Aws
from tests.support.handlers import StartFunction
from tests.support.sqs_batches import batch, failed, message, of
from tests.support.submit_requests import EXPENSES, ask, expense
from tests.support.tables.table_stream import PublisherHarness, make_publisher_harness


@pytest.fixture
def bus(start: StartFunction, aws: Aws) -> PublisherHarness:
    """Return publish, which follows the table, and a subscriber."""
    return make_publisher_harness(aws, start("publish"))


def _names(events: list[Event]) -> list[str]:
    return [event["detail-type"] for event in events]


def _details(events: list[Event], name: str) -> list[dict[str, Any]]:
    return [event["detail"] for event in events if event["detail-type"] == name]


def test_the_outcome_of_a_webhook_is_published(
    start: StartFunction, bus: PublisherHarness, simulated: SimulatedCodat
) -> None:
    """By its schema, once, whatever else is written about it."""
    assert failed(start("worker")(batch(of(simulated, simulated.sync(SYNC_ID))))) == []
    events = bus.catch_up()
    assert _names(events) == ["SyncFailed", "TransactionCompleted", "TransactionFailed"]
    for event in events:
        kind = getattr(event_types, event["detail-type"])
        assert kind.model_validate(event["detail"], strict=True).model_dump(by_alias=True) == event["detail"]
        assert event["source"] == "codat-sync"
    (sync,) = _details(events, "SyncFailed")
    assert (sync["syncId"], sync["code"], sync["transactions"], sync["failed"]) == (SYNC_ID, 5130, 2, 1)
    (transaction,) = _details(events, "TransactionFailed")
    assert (transaction["transactionId"], transaction["status"]) == (TRANSACTION_IDS[1], "PushError")
    assert "6100" not in str(events)  # Codat's message


def test_a_redelivered_record_publishes_the_same_events(
    start: StartFunction, aws: Aws, bus: PublisherHarness, simulated: SimulatedCodat
) -> None:
    """The ids are the same: delivery is at least once, and subscribers can deduplicate."""
    start("worker")(batch(of(simulated, simulated.sync(SYNC_ID))))
    records = bus.stream.records()
    assert bus.publish({"Records": records}) == {"batchItemFailures": []}
    assert len(bus.new()) == 3
    assert bus.publish({"Records": records}) == {"batchItemFailures": []}
    queue = aws.sqs.get_queue_url(QueueName="subscriber")["QueueUrl"]
    attributes = aws.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"])
    assert attributes["Attributes"]["ApproximateNumberOfMessages"] == "3"
    assert bus.new() == []


def test_changes_are_published_with_increasing_versions(
    start: StartFunction, bus: PublisherHarness, simulated: SimulatedCodat
) -> None:
    """It failed, then succeeded; a webhook without changes publishes nothing."""
    worker = start("worker")
    worker(batch(of(simulated, simulated.sync(SYNC_ID), "msg_1")))
    bus.catch_up()
    changed = simulated.change_sync(SYNC_ID, code=2000, items=tuple(Item(name) for name in TRANSACTION_IDS))
    worker(batch(of(simulated, changed, "msg_2")))
    worker(batch(of(simulated, changed, "msg_3")))
    events = bus.catch_up()
    assert Counter(_names(events)) == {"SyncSucceeded": 1, "TransactionCompleted": 1}
    assert bus.subscriber.kinds_for(syncId=SYNC_ID, transactionId=TRANSACTION_IDS[1]) == [
        "TransactionFailed",
        "TransactionCompleted",
    ]


def test_a_missing_body_is_published(
    start: StartFunction, aws: Aws, bus: PublisherHarness, simulated: SimulatedCodat
) -> None:
    """Of a transaction that failed, and whose body nobody has."""
    start("worker")(batch(of(simulated, simulated.sync(SYNC_ID))))
    start("clock")({})
    event = load("retry", "due")
    (due,) = aws.messages("RETRY_QUEUE")
    event["Records"][0]["body"] = due["Body"]
    retry = start("retry")
    retry(event)
    (missing,) = _details(bus.catch_up(), "BodyMissing")
    assert (missing["syncId"], missing["transactionIds"], missing["count"]) == (SYNC_ID, [TRANSACTION_IDS[1]], 1)
    assert missing["version"] == 1
    retry(event)
    assert bus.catch_up() == []


def test_a_retry_is_published_from_submission_to_end(
    start: StartFunction, bus: PublisherHarness, simulated: SimulatedCodat
) -> None:
    """A subscriber sees an expense fail, be resubmitted and reach the books."""
    submit, worker, retry = start("submit"), start("worker"), start("retry")
    body = expense()
    sync_id = str(ask(submit, "POST", EXPENSES, [body]).body["syncId"])
    sync = simulated.settle(sync_id, Settled(otherwise=Verdict("PushError", "busy")))
    worker(batch(of(simulated, sync, "msg_1")))
    assert _names(bus.catch_up()) == ["SyncFailed", "TransactionFailed"]
    retry({"syncId": sync_id})
    (submitted,) = _details(bus.catch_up(), "RetrySubmitted")
    assert (submitted["retryOf"], submitted["transactionIds"]) == (sync_id, [body["id"]])
    worker(batch(of(simulated, simulated.settle(submitted["syncId"]), "msg_2")))
    retry({"syncId": sync_id})
    events = bus.catch_up()
    assert _names(events) == ["SyncSucceeded", "TransactionCompleted", "RetryResolved"]
    assert [detail["retryOf"] for detail in _details(events, "TransactionCompleted")] == [sync_id]


def test_a_lost_and_restored_connection_is_published(
    start: StartFunction, bus: PublisherHarness, simulated: SimulatedCodat
) -> None:
    """As Codat says it, not as its event does."""
    worker = start("worker")
    for number, status in enumerate(("Linked", "Deauthorized", "Linked")):
        simulated.set_connection_status(COMPANY_ID, status)
        event = simulated.event(company=simulated.company(COMPANY_ID), event_type="connection.disconnected")
        assert failed(worker(batch(message(event, f"msg_{number}")))) == []
    events = bus.catch_up()
    assert _names(events) == ["ConnectionLost", "ConnectionRestored"]
    assert [event["detail"]["connectionStatus"] for event in events] == ["Deauthorized", "Linked"]


def _large(status: str) -> tuple[Item, ...]:
    long = (Item(f"t{n}", message=f"{n} ".ljust(12_000, "x")) for n in range(40))
    return (Item("first", status, "expense", "x" * 4_000), *long)


def test_only_changes_of_a_large_sync_are_published(
    start: StartFunction, store: SyncRepository, bus: PublisherHarness, simulated: SimulatedCodat
) -> None:
    """Its items stand in parts, and those of the version before are there for a day."""
    worker = start("worker")
    sync = simulated.add_sync(simulated.company(COMPANY_ID), 5130, _large("PushError"))
    worker(batch(of(simulated, sync, "msg_1")))
    assert Counter(_names(bus.catch_up())) == {"SyncFailed": 1, "TransactionFailed": 1, "TransactionCompleted": 40}
    before = store.load_snapshot(COMPANY_ID, sync.sync_id, []).values
    worker(batch(of(simulated, simulated.change_sync(sync.sync_id, code=2000, items=_large("Completed")), "msg_2")))
    records = bus.stream.records()
    bus.publish({"Records": records})
    events = bus.new()
    assert _names(events) == ["SyncSucceeded", "TransactionCompleted"]
    assert _details(events, "TransactionCompleted")[0]["transactionId"] == "first"

    # Without the earlier parts, the whole new version is published; repeated events have the same ids.
    parts = store.table.query(f"SYNC#{sync.sync_id}", f"ITEMS#{before['parts']['partRunId']}")
    store.table.delete_all([{"pk": part["pk"], "sk": part["sk"]} for part in list(parts)])
    bus.publish({"Records": records})
    events = bus.new()
    assert Counter(_names(events)) == {"TransactionCompleted": 40}
    assert {event["detail"]["version"] for event in events} == {2}


def test_deletions_and_irrelevant_items_publish_nothing(aws: Aws, bus: PublisherHarness) -> None:
    """The template's filter keeps it from publish."""
    keys = [{"pk": {"S": f"SYNC#{SYNC_ID}"}, "sk": {"S": sk}} for sk in ("SYNC", "EVENT#1", "ITEMS#1#0", "PARTRUN#1")]
    for key in [*keys, {"pk": {"S": "TXN#1"}, "sk": {"S": f"SYNC#{SYNC_ID}"}}]:
        aws.dynamodb.put_item(TableName="syncs", Item=key)
        aws.dynamodb.delete_item(TableName="syncs", Key=key)
    assert [record["dynamodb"]["Keys"]["sk"]["S"] for record in bus.stream.records()] == ["SYNC"]


@pytest.mark.parametrize("name", PUBLISH_EVENTS)
def test_every_stored_event_is_published(bus: PublisherHarness, name: str) -> None:
    """What `sam local` is given."""
    assert bus.publish(load("publish", name)) == {"batchItemFailures": []}
    assert _names(bus.new()) == PUBLISH_EVENTS[name]


def test_an_unreadable_record_is_dead_lettered_at_once_and_whole(
    start: StartFunction, aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    """The dead letter has the reason, the content is not logged, and the others are published."""
    bus = make_publisher_harness(aws, start("publish"))
    assert bus.publish(load("publish", "poison")) == {"batchItemFailures": []}
    (dead,) = aws.messages("PUBLISH_DEAD_LETTER_QUEUE")
    assert dead["MessageAttributes"]["reason"]["StringValue"] == "unreadable-record"
    assert "none of Codat's" in dead["Body"]
    assert "6100" in dead["Body"]
    assert _names(bus.new()) == ["SyncSucceeded", "TransactionCompleted"]
    logged = capsys.readouterr().out
    assert "dead-lettered" in logged
    assert "6100" not in logged


def test_a_poison_record_that_is_too_large_is_kept_without_its_images(aws: Aws, bus: PublisherHarness) -> None:
    """The item is in the table, and its key is kept."""
    event = load("publish", "poison")
    event["Records"][0]["dynamodb"]["NewImage"]["more"] = {"S": "x" * 1_100_000}
    assert bus.publish(event) == {"batchItemFailures": []}
    (dead,) = aws.messages("PUBLISH_DEAD_LETTER_QUEUE")
    assert "NewImage" not in dead["Body"]
    assert SYNC_ID in dead["Body"]


def test_records_without_time_left_are_redelivered(bus: PublisherHarness) -> None:
    """They are redelivered from the first one on; no record is published in part."""
    event = load("publish", "poison")
    numbers = [record["dynamodb"]["SequenceNumber"] for record in event["Records"]]
    answer = bus.publish(event | {"remaining_ms": 30_000})
    assert answer == {"batchItemFailures": [{"itemIdentifier": number} for number in numbers]}
    assert bus.new() == []
