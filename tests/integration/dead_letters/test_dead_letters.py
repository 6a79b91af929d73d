"""List, redrive and drop dead letters without losing any."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from codat_sync.aws.dynamodb import Table
from codat_sync.bootstrap.dead_letters import build_dead_letters
from codat_sync.companies.tombstones import TombstoneRepository
from codat_sync.core.errors import QueueUnavailableError
from codat_sync.dead_letters.dead_letter import MAX_RECEIVES_EXCEEDED, DeadLetterFilter, DropDecision
from codat_sync.dead_letters.queue import DeadLetterQueueClient, DroppedLetterRepository, QueueDepth
from codat_sync.dead_letters.service import DeadLetterService
from codat_sync.syncs.repository import SyncRepository
from codat_sync.syncs.status_codes import Outcome
from dev.codat_simulator.faults import Fault
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID, SYNC_ID, load
from ops.cli import app
from ops.dead_letters.commands import print_letters
from tests.support.aws import Aws
from tests.support.handlers import StartFunction
from tests.support.sqs_batches import batch, failed, message, of

_BY = "a person"
_NOW = datetime(2026, 11, 24, 22, 0, tzinfo=UTC)


@pytest.fixture
def letters(start: StartFunction, aws: Aws, simulated: SimulatedCodat) -> DeadLetterService:
    """Return one dead letter of each kind: two from the worker, one from retry, one from SQS."""
    simulated.faults.add(Fault("wrong_shape", times=3, path="status$"))
    start("worker")(batch(of(simulated, simulated.sync(SYNC_ID)), message({"eventType": "expenses.odd"}, "msg_odd")))
    event = load("retry", "due")
    event["Records"][0]["body"] = "{}"
    start("retry")(event)
    aws.sqs.send_message(QueueUrl=aws.environment["SYNC_DEAD_LETTER_QUEUE_URL"], MessageBody="crashed")
    return build_dead_letters(_table(aws), [_queue(aws, "sync"), _queue(aws, "retry")])


def _table(aws: Aws) -> Table:
    return Table(aws.dynamodb, aws.environment["SYNC_TABLE_NAME"])


def _queue(aws: Aws, name: str) -> DeadLetterQueueClient:
    of_it = {suffix: aws.environment[f"{name.upper()}_{suffix}"] for suffix in ("DEAD_LETTER_QUEUE_URL", "QUEUE_URL")}
    return DeadLetterQueueClient(aws.sqs, name, url=of_it["DEAD_LETTER_QUEUE_URL"], source_url=of_it["QUEUE_URL"])


def _reasons(letters: DeadLetterService, wanted: DeadLetterFilter) -> list[str]:
    return sorted(letter.reason for letter in letters.find(wanted))


def _dropped(aws: Aws) -> list[Any]:
    """Return the records of what was dropped."""
    items = aws.dynamodb.scan(TableName=aws.environment["SYNC_TABLE_NAME"])["Items"]
    return [item for item in items if item["pk"]["S"] == "DROPPED"]


_ALL = ["invalid-message", "malformed-response", MAX_RECEIVES_EXCEEDED, "unknown-event-type"]


def test_listing_shows_dead_letters_and_reasons_and_can_be_repeated(letters: DeadLetterService) -> None:
    """Each shows what it is about; listing removes nothing."""
    for _ in range(2):
        assert _reasons(letters, DeadLetterFilter()) == _ALL
    (letter,) = letters.find(DeadLetterFilter(reason="malformed-response"))
    assert (letter.queue, letter.company_id, letter.sync_id) == ("sync", COMPANY_ID, SYNC_ID)
    assert letter.detail
    assert datetime.now(UTC) - letter.sent_at < timedelta(minutes=5)


@pytest.mark.parametrize(
    ("wanted", "reasons"),
    [
        (DeadLetterFilter(queue="retry"), ["invalid-message"]),
        (DeadLetterFilter(reason="unknown-event-type"), ["unknown-event-type"]),
        (DeadLetterFilter(company_id=COMPANY_ID, reason="malformed-response"), ["malformed-response"]),
        (DeadLetterFilter(company_id="another"), []),
        (DeadLetterFilter(message_ids=frozenset({"another"})), []),
    ],
)
def test_dead_letters_can_be_filtered(letters: DeadLetterService, wanted: DeadLetterFilter, reasons: list[str]) -> None:
    """By all that is said of them; the others are still there, for everybody."""
    assert sorted(letter.reason for letter in letters.redrive(wanted, _BY)) == reasons
    assert _reasons(letters, DeadLetterFilter()) == sorted(set(_ALL) - set(reasons))


def test_one_is_named_by_its_id(letters: DeadLetterService) -> None:
    """Which is how a page names it."""
    meant = next(letter for letter in letters.find(DeadLetterFilter()) if letter.reason == MAX_RECEIVES_EXCEEDED)
    assert [letter.body for letter in letters.redrive(DeadLetterFilter(frozenset({meant.message_id})), _BY)] == [
        "crashed"
    ]


def test_a_redriven_message_succeeds_after_the_fix(
    letters: DeadLetterService, start: StartFunction, aws: Aws, store: SyncRepository
) -> None:
    """It comes as it came the first time, but for the reason: if it fails again, it has another."""
    (letter,) = letters.redrive(DeadLetterFilter(reason="malformed-response"), _BY)
    assert letters.queues[0].count() == QueueDepth(available=2, in_flight=0)  # It is gone, and not only hidden.
    (back,) = aws.messages("SYNC_QUEUE")
    assert back["Body"] == letter.body
    assert back["Attributes"]["MessageGroupId"] == COMPANY_ID
    assert "MessageAttributes" not in back
    assert failed(start("worker")(batch(back["Body"]))) == []
    document = store.load_sync(SYNC_ID)
    assert document
    assert document.outcome is Outcome.FAILED


def test_what_is_dropped_is_written_down_whole(letters: DeadLetterService, aws: Aws) -> None:
    """With who dropped it, when and why, for a year."""
    (letter,) = letters.drop(
        DeadLetterFilter(reason="malformed-response"), DropDecision("a test message", "a person", _NOW)
    )
    (item,) = _dropped(aws)
    assert (item["why"]["S"], item["by"]["S"], item["droppedAt"]["S"][:16]) == (
        "a test message",
        "a person",
        "2026-11-24T22:00",
    )
    assert (item["reason"]["S"], item["syncId"]["S"], item["body"]["S"]) == (letter.reason, SYNC_ID, letter.body)
    assert int(item["expiresAt"]["N"]) == int((_NOW + timedelta(days=365)).timestamp())
    assert _reasons(letters, DeadLetterFilter()) == sorted(set(_ALL) - {"malformed-response"})


def test_what_an_item_cannot_hold_is_known_by_its_digest(aws: Aws) -> None:
    """A message can be larger than an item."""
    aws.sqs.send_message(QueueUrl=aws.environment["SYNC_DEAD_LETTER_QUEUE_URL"], MessageBody="é" * 200_000)
    build_dead_letters(_table(aws), [_queue(aws, "sync")]).drop(
        DeadLetterFilter(), DropDecision("too large", "a person", _NOW)
    )
    (item,) = _dropped(aws)
    assert item["body"] == {"NULL": True}
    assert len(item["sha256"]["S"]) == 64


def test_what_cannot_be_written_down_is_not_deleted(letters: DeadLetterService, aws: Aws) -> None:
    """And is there for everybody again."""
    nowhere = DroppedLetterRepository(Table(aws.dynamodb, "another"))
    with pytest.raises(aws.dynamodb.exceptions.ResourceNotFoundException):
        replace(letters, records=nowhere).drop(
            DeadLetterFilter(queue="retry"), DropDecision("a test", "a person", _NOW)
        )
    assert _reasons(letters, DeadLetterFilter()) == _ALL


def test_a_message_that_cannot_be_redriven_stays(letters: DeadLetterService, aws: Aws) -> None:
    """A letter leaves its queue when the other one has it."""
    gone = aws.sqs.create_queue(QueueName="gone")["QueueUrl"]
    aws.sqs.delete_queue(QueueUrl=gone)
    url = aws.environment["RETRY_DEAD_LETTER_QUEUE_URL"]
    with pytest.raises(QueueUnavailableError):
        replace(letters, queues=[DeadLetterQueueClient(aws.sqs, "retry", url=url, source_url=gone)]).redrive(
            DeadLetterFilter(), _BY
        )
    assert _reasons(letters, DeadLetterFilter()) == _ALL


def test_whatever_a_letter_is_it_is_shown(aws: Aws) -> None:
    """And can be dropped. Nobody knows what it is: that is why it is there."""
    no_ids = (*(json.dumps({"companyId": each, "syncId": each}) for each in ("\ud800", "\33[2J", "x" * 3_000)),)
    bodies = ("[1]", '{"companyId": 7}', "\N{BABY}", "null", "[" * 100_000, *no_ids)
    for body in bodies:
        aws.sqs.send_message(QueueUrl=aws.environment["SYNC_DEAD_LETTER_QUEUE_URL"], MessageBody=body)
    letters = build_dead_letters(_table(aws), [_queue(aws, "sync")])
    found = letters.find(DeadLetterFilter())
    assert [(letter.company_id, letter.sync_id) for letter in found] == [(None, None)] * len(bodies)
    assert {letter.payload for letter in found} == set(bodies)
    assert len(letters.drop(DeadLetterFilter(), DropDecision("a test", "a person", _NOW))) == len(bodies)


def test_dropping_keeps_no_record_of_an_erased_company_however_its_id_is_written(aws: Aws) -> None:
    """Codat's ids are GUIDs: capitals say nothing."""
    TombstoneRepository(Table(aws.dynamodb, "syncs")).put(COMPANY_ID, "a person", "a ticket", _NOW)
    body = json.dumps({"companyId": COMPANY_ID.upper(), "raw": "of a person"})
    aws.sqs.send_message(QueueUrl=aws.environment["SYNC_DEAD_LETTER_QUEUE_URL"], MessageBody=body)
    build_dead_letters(_table(aws), [_queue(aws, "sync")]).drop(
        DeadLetterFilter(company_id=COMPANY_ID), DropDecision("a test", "a person", _NOW)
    )
    (item,) = _dropped(aws)
    assert (item["companyId"], item["body"]) == ({"NULL": True}, {"NULL": True})


def test_a_message_that_sqs_delivers_twice_is_redriven(letters: DeadLetterService, aws: Aws) -> None:
    """It promises to hand over each letter at least once."""

    def twice(parsed: dict[str, Any], **_: object) -> None:
        parsed["Messages"] = [*parsed.get("Messages", ()), *parsed.get("Messages", ())]

    aws.sqs.meta.events.register("after-call.sqs.ReceiveMessage", twice)
    assert sorted(letter.reason for letter in letters.redrive(DeadLetterFilter(), _BY)) == _ALL
    aws.sqs.meta.events.unregister("after-call.sqs.ReceiveMessage", twice)
    assert letters.find(DeadLetterFilter()) == []


@pytest.mark.parametrize("most", [1, 2, 3, 4])
def test_how_many_were_not_examined_is_returned(letters: DeadLetterService, most: int) -> None:
    """Of those of the queues that are read: one has three here, and one has one."""
    found = letters.find(DeadLetterFilter(), most)
    assert (len(found), found.unexamined) == (min(most, 3) + 1, max(0, 3 - most))
    assert letters.find(DeadLetterFilter(queue="retry"), most).unexamined == 0
    assert letters.find(DeadLetterFilter(reason="no such reason"), most).unexamined == max(0, 3 - most)


def test_the_command_says_that_others_are_handling_some(
    letters: DeadLetterService, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are in flight, and visible again after five minutes."""
    (queue, _) = letters.queues
    assert next(queue.letters(1))
    print_letters(letters.find(DeadLetterFilter()), "found")
    assert "3 dead letters found.\nAbout 1 more could not be received" in capsys.readouterr().out


def test_only_the_selected_queue_is_read(letters: DeadLetterService, aws: Aws) -> None:
    """Those of the others are not hidden for it."""
    asked: list[str] = []
    aws.sqs.meta.events.register(
        "before-parameter-build.sqs.ReceiveMessage", lambda params, **_: asked.append(params["QueueUrl"])
    )
    assert len(letters.find(DeadLetterFilter(queue="retry"))) == 1
    assert set(asked) == {aws.environment["RETRY_DEAD_LETTER_QUEUE_URL"]}


def test_a_message_that_becomes_visible_meanwhile_is_found(letters: DeadLetterService, aws: Aws) -> None:
    """SQS says only about how many letters can be had."""
    url = aws.environment["RETRY_DEAD_LETTER_QUEUE_URL"]
    (in_flight,) = aws.sqs.receive_message(QueueUrl=url, VisibilityTimeout=300)["Messages"]

    def dropped(**_: object) -> None:
        aws.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=in_flight["ReceiptHandle"], VisibilityTimeout=0)

    aws.sqs.meta.events.register("after-call.sqs.GetQueueAttributes", dropped)
    assert len(letters.redrive(DeadLetterFilter(queue="retry"), _BY)) == 1


def test_a_message_without_a_source_queue_can_only_be_listed_or_dropped(aws: Aws) -> None:
    """Unpublished records come from the table's stream."""
    url = aws.environment["PUBLISH_DEAD_LETTER_QUEUE_URL"]
    aws.sqs.send_message(QueueUrl=url, MessageBody="{}")
    letters = build_dead_letters(_table(aws), [DeadLetterQueueClient(aws.sqs, "publish", url=url, source_url=None)])
    assert letters.redrive(DeadLetterFilter(), _BY) == []
    assert [letter.queue for letter in letters.find(DeadLetterFilter())] == ["publish"]
    assert len(letters.drop(DeadLetterFilter(), DropDecision("a test", "a person", _NOW))) == 1
    assert letters.find(DeadLetterFilter()) == []


@pytest.mark.parametrize(
    ("arguments", "missing"),
    [
        ([], "Missing option '--why'"),
        (["--why", "a test"], "which dead letters?"),
        (["--reason", "invalid-json"], "Missing option '--why'"),
        (["--id", "one", "--all"], "Missing option '--why'"),
        (["--id", "one", "--why", " "], "must not be blank"),
    ],
)
def test_the_command_drops_nothing_without_a_reason_and_a_filter(
    arguments: list[str], missing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says what is missing, before it calls AWS."""
    with pytest.raises(SystemExit) as exited:
        app(["dead-letters", "drop", *arguments])
    assert exited.value.code == 2
    assert missing in capsys.readouterr().err
