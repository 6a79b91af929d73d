"""The worker: from a batch of messages to what stands in the table."""

from typing import Any

import pytest

from codat_sync.syncs.items import Item as KeptItem
from codat_sync.syncs.items import fold
from codat_sync.syncs.repository import SyncRepository
from codat_sync.syncs.status_codes import Outcome
from dev.codat_simulator.books.models import Item, Sync
from dev.codat_simulator.books.sample_data import generate_items
from dev.codat_simulator.faults import Fault
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID, SYNC_ID, TRANSACTION_IDS, WORKER_REASONS, load
from tests.support.aws import Aws
from tests.support.handlers import StartFunction
from tests.support.sqs_batches import batch, failed, message, of


def _kept(sync: Sync) -> tuple[KeptItem, ...]:
    """Return the items that are to be kept of what the simulator holds."""
    return fold(
        {
            "transactionId": item.transaction_id,
            "integrationType": item.integration_type,
            "status": item.status,
            "message": item.message,
        }
        for item in sync.items
    )


def _asked_about_syncs(simulated: SimulatedCodat) -> list[str]:
    """Return what was asked of Codat, apart from what is asked once about a company."""
    return [entry.path for entry in simulated.requests.entries if "/syncs/" in entry.path]


def _reasons(aws: Aws) -> list[str]:
    return [message["MessageAttributes"]["reason"]["StringValue"] for message in aws.messages("SYNC_DEAD_LETTER_QUEUE")]


@pytest.mark.parametrize("name", list(WORKER_REASONS))
def test_every_stored_batch_is_done_with(start: StartFunction, aws: Aws, store: SyncRepository, name: str) -> None:
    """Syncs are stored, invalid messages are dead-lettered, and nothing is redelivered."""
    assert start("worker")(load("worker", name)) == {"batchItemFailures": []}
    assert sorted(_reasons(aws)) == sorted(WORKER_REASONS[name])
    document = store.load_sync(SYNC_ID)
    if name in {"check", "connection-disconnected", "not-ours", "poison"}:
        assert document is None
    else:
        assert document
        assert document.outcome is Outcome.FAILED
        assert [item.status for item in document.items] == ["Completed", "PushError"]


def test_a_sync_is_kept_with_all_that_codat_said(
    start: StartFunction, store: SyncRepository, simulated: SimulatedCodat
) -> None:
    """Status, items, an index entry per transaction and the processed event."""
    start("worker")(load("worker", "sync-unsuccessful"))
    simulation = simulated.sync(SYNC_ID)
    document = store.load_sync(SYNC_ID)
    assert document
    assert document.sync
    status = document.sync.status
    assert (status.company_id, status.sync_id, status.code) == (COMPANY_ID, SYNC_ID, 5130)
    assert (status.status, status.error_message) == (simulation.sync_status, simulation.error_message)
    assert (status.exception_message, status.data_pushed) == (
        simulation.sync_exception_message,
        simulation.data_pushed,
    )
    assert document.items == _kept(simulation)
    assert document.version == 1
    for transaction_id in TRANSACTION_IDS:
        assert store.load_sync_ids_of_transaction(COMPANY_ID, transaction_id) == [SYNC_ID]
    assert store.load_processed_event_ids(SYNC_ID) == ["msg_2pLxVrYw9bQk0002"]


def test_lists_find_the_sync_by_company_and_by_day(start: StartFunction, aws: Aws, simulated: SimulatedCodat) -> None:
    """With the summary that they show, and no more."""
    simulated.change_sync(SYNC_ID, sync_utc="2026-11-23T22:30:09.0797213Z")
    start("worker")(load("worker", "sync-unsuccessful"))
    for index, key, value in (
        ("byCompany", "companyPk", f"COMPANY#{COMPANY_ID}"),
        ("byDay", "dayPk", "DAY#2026-11-23"),
    ):
        (found,) = aws.dynamodb.query(
            TableName="syncs",
            IndexName=index,
            KeyConditionExpression=f"{key} = :value",
            ExpressionAttributeValues={":value": {"S": value}},
        )["Items"]
        assert "items" not in found
        summary = found["summary"]["M"]
        assert (summary["code"], summary["outcome"]) == ({"N": "5130"}, {"S": "failed"})
        assert (summary["transactions"], summary["failed"]) == ({"N": "2"}, {"N": "1"})
        assert summary["syncUtc"] == {"S": "2026-11-23T22:30:09.079Z"}


def test_codats_traps_are_kept_as_they_are(
    start: StartFunction, store: SyncRepository, simulated: SimulatedCodat
) -> None:
    """Rows that repeat are one item with a count; a row without an id, a type or a status is kept."""
    sync = simulated.add_sync(simulated.company(COMPANY_ID), 5130, generate_items(50, code=5130))
    start("worker")(batch(of(simulated, sync)))
    document = store.load_sync(sync.sync_id)
    assert document
    assert document.items == _kept(sync)
    assert sum(item.rows for item in document.items) == len(sync.items)
    assert any(item.transaction_id is None for item in document.items)


def test_transactions_with_long_messages_stand_in_parts(
    start: StartFunction, aws: Aws, store: SyncRepository, simulated: SimulatedCodat
) -> None:
    """They do not fit into one item; a reader has them all, and parts of before go when they are replaced."""
    items = [Item(f"t{n}", "PushError", "expense", f"{n} " + "no such account; " * 200) for n in range(200)]
    sync = simulated.add_sync(simulated.company(COMPANY_ID), 5130, items)
    worker = start("worker")
    worker(batch(of(simulated, sync)))
    document = store.load_sync(sync.sync_id)
    assert document
    assert document.items == _kept(sync)
    old = _parts(aws, sync.sync_id)
    assert len(old) > 1

    changed = simulated.change_sync(sync.sync_id, code=2000, items=tuple(Item(f"t{n}") for n in range(200)))
    worker(batch(of(simulated, changed, "msg_2")))
    document = store.load_sync(sync.sync_id)
    assert document
    assert (document.items, document.version) == (_kept(changed), 2)
    # For a day, whoever holds the document of before can read on.
    assert _parts(aws, sync.sync_id).keys() == old.keys()


def _parts(aws: Aws, sync_id: str) -> dict[str, Any]:
    items = aws.dynamodb.query(
        TableName="syncs",
        KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
        ExpressionAttributeValues={":pk": {"S": f"SYNC#{sync_id}"}, ":prefix": {"S": "ITEMS#"}},
    )["Items"]
    return {item["sk"]["S"]: item for item in items}


def test_events_of_one_sync_fetch_it_once(
    start: StartFunction, store: SyncRepository, simulated: SimulatedCodat
) -> None:
    """A status and a page of transactions, and every event is marked as seen."""
    start("worker")(load("worker", "same-sync-thrice"))
    assert len(_asked_about_syncs(simulated)) == 2
    assert store.load_processed_event_ids(SYNC_ID) == ["msg_2pLxVrYw9bQk0004", "msg_2pLxVrYw9bQk0005"]


def test_a_replayed_event_changes_nothing(
    start: StartFunction, store: SyncRepository, simulated: SimulatedCodat
) -> None:
    """A replay is a new message and is processed; it finds no change and writes no new version."""
    worker = start("worker")
    sync = simulated.sync(SYNC_ID)
    worker(batch(of(simulated, sync, "msg_1")))
    worker(batch(of(simulated, sync, "msg_1")))
    assert len(_asked_about_syncs(simulated)) == 2
    worker(batch(of(simulated, sync, "msg_replay")))
    assert len(_asked_about_syncs(simulated)) == 4
    document = store.load_sync(SYNC_ID)
    assert document
    assert document.version == 1
    assert store.load_processed_event_ids(SYNC_ID) == ["msg_1", "msg_replay"]


def test_events_out_of_order_end_with_the_current_state(
    start: StartFunction, store: SyncRepository, simulated: SimulatedCodat
) -> None:
    """The outcome in an event is not trusted: the event only triggers a fetch."""
    failure = of(simulated, simulated.sync(SYNC_ID), "msg_failure")
    success = of(simulated, simulated.change_sync(SYNC_ID, code=2000, items=(Item("t"),)), "msg_success")
    worker = start("worker")
    worker(batch(success))
    worker(batch(failure))
    document = store.load_sync(SYNC_ID)
    assert document
    assert document.outcome is Outcome.SUCCEEDED


def test_a_record_that_fails_fails_alone(
    start: StartFunction, aws: Aws, store: SyncRepository, simulated: SimulatedCodat
) -> None:
    """The others succeed; it is redelivered and then succeeds too."""
    company = simulated.company(COMPANY_ID)
    good, bad = (simulated.add_sync(company, 2000, generate_items(3)) for _ in range(2))
    messages = batch(of(simulated, good, "msg_1"), of(simulated, bad, "msg_2"), "poison", of(simulated, bad, "msg_3"))
    simulated.faults.add(Fault("status", times=3, status=503, sync_id=bad.sync_id))
    worker = start("worker")
    assert failed(worker(messages)) == ["message-1", "message-3"]
    assert store.load_sync(good.sync_id)
    waiting = store.load_sync(bad.sync_id)
    assert waiting
    assert waiting.outcome is Outcome.ANNOUNCED  # so that it can be seen what waits
    assert _reasons(aws) == ["invalid-message"]
    assert failed(worker(batch(of(simulated, bad, "msg_2")))) == []
    document = store.load_sync(bad.sync_id)
    assert document
    assert document.outcome is Outcome.SUCCEEDED


def test_a_batch_of_nothing_but_failures_reports_each(start: StartFunction, simulated: SimulatedCodat) -> None:
    """Raising instead would throw a warm function away."""
    simulated.faults.add(Fault("status", times=99, status=500))
    assert failed(start("worker")(load("worker", "sync-successful"))) == ["059f36b4-87a3-44ab-83d2-661970000001"]


def test_a_malformed_answer_is_dead_lettered_with_the_reason(
    start: StartFunction, aws: Aws, simulated: SimulatedCodat
) -> None:
    """After it was asked for again, in case a connection was to blame."""
    simulated.faults.add(Fault("wrong_shape", times=9, path="status$"))
    messages = load("worker", "sync-successful")
    assert failed(start("worker")(messages)) == []
    (dead,) = aws.messages("SYNC_DEAD_LETTER_QUEUE")
    assert dead["Body"] == messages["Records"][0]["body"]
    assert dead["Attributes"]["MessageGroupId"] == COMPANY_ID
    assert dead["MessageAttributes"]["reason"]["StringValue"] == "malformed-response"
    assert "/status: as a whole: Input should be" in dead["MessageAttributes"]["detail"]["StringValue"]


_EVENT: dict[str, Any] = {
    "eventType": "expenses.sync.successful",
    "payload": {"referenceCompany": {"id": COMPANY_ID}, "syncId": SYNC_ID},
}


@pytest.mark.parametrize(
    ("poison", "reason"),
    [
        ("{}", "invalid-message"),
        ("[" * 9999, "invalid-message"),
        (message(_EVENT, v=2), "invalid-message"),
        (message(_EVENT, kind="order"), "invalid-message"),
        (message(_EVENT, raw="not base64"), "invalid-message"),
        (message(_EVENT, raw=7), "invalid-message"),
        (message(b""), "invalid-json"),
        (message(b"no JSON"), "invalid-json"),
        (message(b"\xff\xfe"), "invalid-json"),
        (message([1]), "invalid-json"),
        (message({}), "missing-event-type"),
        (message({"eventType": 7}), "missing-event-type"),
        (message(_EVENT | {"eventType": "expenses.sync.paused\x00\ud83d"}), "unknown-event-type"),
        (message(_EVENT | {"payload": None}), "missing-company-id"),
        (message(_EVENT | {"payload": {"syncId": SYNC_ID}}), "missing-company-id"),
        (message(_EVENT | {"payload": {"referenceCompany": {"id": COMPANY_ID}}}), "missing-sync-id"),
        (message(_EVENT | {"payload": {"referenceCompany": {"id": "../up"}, "syncId": "s"}}), "malformed-company-id"),
        (message(_EVENT | {"payload": {"referenceCompany": {"id": "c"}, "syncId": "a/../b"}}), "malformed-sync-id"),
        (message(_EVENT | {"payload": {"referenceCompany": {"id": "c"}, "syncId": ["s"]}}), "malformed-sync-id"),
        (message(_EVENT, webhook_id="a#b"), "malformed-webhook-id"),
    ],
)
def test_an_invalid_message_is_dead_lettered_unchanged(
    start: StartFunction, aws: Aws, simulated: SimulatedCodat, poison: dict[str, Any] | str, reason: str
) -> None:
    """The dead letter has the reason, to be fixed and redriven; Codat is not called."""
    messages = batch(poison)
    assert failed(start("worker")(messages)) == []
    (dead,) = aws.messages("SYNC_DEAD_LETTER_QUEUE")
    assert dead["Body"] == messages["Records"][0]["body"]
    assert dead["MessageAttributes"]["reason"]["StringValue"] == reason
    assert dead["MessageAttributes"]["detail"]["StringValue"]
    assert simulated.requests.entries == ()


def test_a_message_that_cannot_be_dead_lettered_is_redelivered(start: StartFunction, aws: Aws) -> None:
    """Rather than being lost."""
    worker = start("worker")
    aws.sqs.delete_queue(QueueUrl=aws.environment["SYNC_DEAD_LETTER_QUEUE_URL"])
    assert failed(worker(batch("poison"))) == ["message-0"]


def test_the_log_has_ids_and_outcomes_and_nothing_private(
    start: StartFunction, capsys: pytest.CaptureFixture[str]
) -> None:
    """One correlation id leads from the webhook to the last write."""
    start("worker")(load("worker", "sync-unsuccessful"))
    log = capsys.readouterr().out
    for text in (SYNC_ID, COMPANY_ID, '"outcome":"failed"', '"correlation_ids":["B8qnXhkUrPEEMSg="]', "SyncCommitted"):
        assert text in log
    for private in ("archived", "Toft", "Bäckerei", "an API key"):
        assert private not in log
