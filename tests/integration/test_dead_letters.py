"""Dead letters: a person sees what is there, puts some or all back, or drops them; nothing is gone unseen."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from codat_sync.dead_letter import RECEIVED_TOO_OFTEN, Drop, Wanted
from codat_sync.errors import QueueUnavailableError
from codat_sync.redrive import drop, look, redrive
from codat_sync.set_aside import DroppedLetters, SetAside
from codat_sync.status import Outcome
from codat_sync.store import Store
from codat_sync.table import Table
from dev.dead_letters import main
from dev.errors import LocalStackError
from tests.integration.batches import batch, failed, message, of
from tests.integration.conftest import Aws, Handler
from tests.payloads import COMPANY_ID, SYNC_ID, load
from tests.simulator.codat import SimulatedCodat
from tests.simulator.faults import Fault

Start = Callable[[str], Handler]

_NOW = datetime(2026, 11, 24, 22, 0, tzinfo=UTC)


@pytest.fixture
def queues(start: Start, aws: Aws, simulated: SimulatedCodat) -> list[SetAside]:
    """Return the dead-letter queues, with one of each kind: two set aside by the worker, one by retry, one by SQS."""
    simulated.faults.add(Fault("malformed", times=3, path="status$"))
    start("worker")(batch(of(simulated, simulated.sync(SYNC_ID)), message({"eventType": "expenses.odd"}, "msg_odd")))
    event = load("retry", "due")
    event["Records"][0]["body"] = "{}"
    start("retry")(event)
    aws.sqs.send_message(QueueUrl=aws.environment["SYNC_DEAD_LETTER_QUEUE_URL"], MessageBody="crashed")
    return [_queue(aws, "sync"), _queue(aws, "retry")]


def _queue(aws: Aws, name: str) -> SetAside:
    of_it = {suffix: aws.environment[f"{name.upper()}_{suffix}"] for suffix in ("DEAD_LETTER_QUEUE_URL", "QUEUE_URL")}
    return SetAside(aws.sqs, name, url=of_it["DEAD_LETTER_QUEUE_URL"], source_url=of_it["QUEUE_URL"])


@pytest.fixture
def records(aws: Aws) -> DroppedLetters:
    """Return the record of what was dropped."""
    return DroppedLetters(Table(aws.dynamodb, aws.environment["SYNC_TABLE_NAME"]))


def _reasons(queues: list[SetAside], wanted: Wanted) -> list[str]:
    return sorted(letter.reason for letter in look(queues, wanted))


_ALL = ["malformed-answer", "not-a-message", RECEIVED_TOO_OFTEN, "unknown-event-type"]


def test_a_person_sees_what_is_there_and_why_as_often_as_wanted(queues: list[SetAside]) -> None:
    """With what each is about; to look takes nothing away."""
    for _ in range(2):
        assert _reasons(queues, Wanted()) == _ALL
    (letter,) = look(queues, Wanted(reason="malformed-answer"))
    assert (letter.queue, letter.company_id, letter.sync_id) == ("sync", COMPANY_ID, SYNC_ID)
    assert letter.detail
    assert datetime.now(UTC) - letter.sent_at < timedelta(minutes=5)


@pytest.mark.parametrize(
    ("wanted", "reasons"),
    [
        (Wanted(queue="retry"), ["not-a-message"]),
        (Wanted(reason="unknown-event-type"), ["unknown-event-type"]),
        (Wanted(company_id=COMPANY_ID, reason="malformed-answer"), ["malformed-answer"]),
        (Wanted(company_id="another"), []),
        (Wanted(message_ids=frozenset({"another"})), []),
    ],
)
def test_some_are_told_from_the_others(queues: list[SetAside], wanted: Wanted, reasons: list[str]) -> None:
    """By all that is said of them; the others are still there, for everybody."""
    assert sorted(letter.reason for letter in redrive(queues, wanted)) == reasons
    assert _reasons(queues, Wanted()) == sorted(set(_ALL) - set(reasons))


def test_one_is_named_by_its_id(queues: list[SetAside]) -> None:
    """Which is how a page names it."""
    letters = look(queues, Wanted())
    meant = next(letter for letter in letters if letter.reason == RECEIVED_TOO_OFTEN)
    assert [letter.body for letter in redrive(queues, Wanted(frozenset({meant.message_id})))] == ["crashed"]


def test_what_is_put_back_is_done_after_the_fix(queues: list[SetAside], start: Start, aws: Aws, store: Store) -> None:
    """It comes as it came the first time, but for the reason: if it fails again, it has another."""
    (letter,) = redrive(queues, Wanted(reason="malformed-answer"))
    (back,) = aws.messages("SYNC_QUEUE")
    assert back["Body"] == letter.body
    assert back["Attributes"]["MessageGroupId"] == COMPANY_ID
    assert "MessageAttributes" not in back
    assert failed(start("worker")(batch(back["Body"]))) == []
    document = store.load_sync(SYNC_ID)
    assert document
    assert document.outcome is Outcome.FAILED


def test_what_is_dropped_is_written_down_whole(queues: list[SetAside], records: DroppedLetters, aws: Aws) -> None:
    """With who dropped it, when and why, for a year."""
    (letter,) = drop(queues, Wanted(reason="malformed-answer"), records, Drop("a test of ours", "a person", _NOW))
    key = {"pk": {"S": f"COMPANY#{COMPANY_ID}"}, "sk": {"S": f"DROPPED#{letter.message_id}"}}
    item = aws.dynamodb.get_item(TableName="syncs", Key=key)["Item"]
    assert (item["why"]["S"], item["by"]["S"], item["droppedAt"]["S"][:16]) == (
        "a test of ours",
        "a person",
        "2026-11-24T22:00",
    )
    assert (item["reason"]["S"], item["syncId"]["S"], item["body"]["S"]) == (letter.reason, SYNC_ID, letter.body)
    assert int(item["expiresAt"]["N"]) == int((_NOW + timedelta(days=365)).timestamp())
    assert _reasons(queues, Wanted()) == sorted(set(_ALL) - {"malformed-answer"})


def test_what_an_item_cannot_hold_is_known_by_its_digest(aws: Aws, records: DroppedLetters) -> None:
    """A message can be larger than an item; one that is about no company has a place of its own."""
    aws.sqs.send_message(QueueUrl=aws.environment["SYNC_DEAD_LETTER_QUEUE_URL"], MessageBody="é" * 200_000)
    (letter,) = drop([_queue(aws, "sync")], Wanted(), records, Drop("too large", "a person", _NOW))
    key = {"pk": {"S": "DROPPED"}, "sk": {"S": f"DROPPED#{letter.message_id}"}}
    item = aws.dynamodb.get_item(TableName="syncs", Key=key)["Item"]
    assert item["body"] == {"NULL": True}
    assert len(item["sha256"]["S"]) == 64


def test_what_cannot_be_written_down_is_not_deleted(queues: list[SetAside], aws: Aws) -> None:
    """And is there for everybody again."""
    nowhere = DroppedLetters(Table(aws.dynamodb, "another"))
    with pytest.raises(aws.dynamodb.exceptions.ResourceNotFoundException):
        drop(queues, Wanted(queue="retry"), nowhere, Drop("a test", "a person", _NOW))
    assert _reasons(queues, Wanted()) == _ALL


def test_what_cannot_be_put_back_stays(queues: list[SetAside], aws: Aws) -> None:
    """A letter leaves its queue when the other one has it."""
    gone = aws.sqs.create_queue(QueueName="gone")["QueueUrl"]
    aws.sqs.delete_queue(QueueUrl=gone)
    url = aws.environment["RETRY_DEAD_LETTER_QUEUE_URL"]
    with pytest.raises(QueueUnavailableError):
        redrive([SetAside(aws.sqs, "retry", url=url, source_url=gone)], Wanted())
    assert _reasons(queues, Wanted()) == _ALL


def test_whatever_a_letter_is_it_is_shown(aws: Aws) -> None:
    """Nobody knows what it is: that is why it is there."""
    for body in ("[1]", '{"companyId": 7}', "\N{BABY}", "null"):
        aws.sqs.send_message(QueueUrl=aws.environment["SYNC_DEAD_LETTER_QUEUE_URL"], MessageBody=body)
    letters = look([_queue(aws, "sync")], Wanted())
    assert [(letter.company_id, letter.sync_id) for letter in letters] == [(None, None)] * 4


def test_what_came_from_no_queue_is_only_looked_at_or_dropped(aws: Aws, records: DroppedLetters) -> None:
    """What publish could not tell came from the table's stream."""
    url = aws.environment["PUBLISH_DEAD_LETTER_QUEUE_URL"]
    aws.sqs.send_message(QueueUrl=url, MessageBody="{}")
    queues = [SetAside(aws.sqs, "publish", url=url, source_url=None)]
    assert redrive(queues, Wanted()) == []
    assert [letter.queue for letter in look(queues, Wanted())] == ["publish"]
    assert len(drop(queues, Wanted(), records, Drop("a test", "a person", _NOW))) == 1
    assert look(queues, Wanted()) == []


@pytest.mark.parametrize("arguments", [[], ["--why", "a test"], ["--reason", "not-json"], ["--id", "one", "--all"]])
def test_the_command_drops_nothing_without_being_told_why_and_which(arguments: list[str]) -> None:
    """It says what is missing, before it asks AWS anything."""
    with pytest.raises(LocalStackError, match="Say wh"):
        main(["drop", *arguments])
