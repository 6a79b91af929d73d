"""Dead letter page: list dead letters by reason, reprocess them after a fix, or drop them with a reason."""

import json
import re
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import pytest

from codat_sync.dead_letters.mention import extract_webhook
from dev.codat_simulator.faults import Fault
from dev.stored_events import COMPANY_ID
from tests.pages.world import HTML, TOKEN, World
from tests.support.sqs_batches import batch, of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_sqs import SQSClient

pytestmark = pytest.mark.xdist_group("pages")


@pytest.fixture
def sqs(world: World) -> "Iterator[SQSClient]":  # noqa: ARG001 - in whose AWS it is
    """Return an SQS client with empty queues, and empty them again at the end."""
    client = boto3.client("sqs")
    _empty(client)
    yield client
    _empty(client)


def _empty(sqs: "SQSClient") -> None:
    for url in sqs.list_queues()["QueueUrls"]:
        _messages(sqs, url.rpartition("/")[2])


def _messages(sqs: "SQSClient", queue: str) -> list[Any]:
    """Receive and delete all messages of a queue."""
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    taken: list[Any] = []
    while answer := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0).get("Messages"):
        taken += answer
        for each in answer:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
    return taken


def _shown(client: httpx.Client) -> list[str]:
    """Return the ids of the dead letters on the page."""
    return re.findall(r'name="letter" value="([^"]+)"', client.get("dead-letters").text)


def _deal(client: httpx.Client, how: str, form: dict[str, Any]) -> httpx.Response:
    """Submit a form of the page, and return the page it redirects to."""
    answer = client.post(f"dead-letters/{how}", data=TOKEN | form)
    assert answer.status_code == 303, answer.text
    return client.get(answer.url.join(answer.headers["location"]))


def test_what_is_there_is_shown_with_why_as_often_as_wanted(
    world: World, client: httpx.Client, sqs: "SQSClient"
) -> None:
    """Viewing does not consume messages, and their content is escaped."""
    assert "No dead letters. Every message was processed." in client.get("dead-letters").text
    world.hears_what_it_does_not_know(f"expenses.{HTML}")
    world.simulated.faults.add(Fault("wrong_shape", times=3, path="status$"))
    sync = world.simulated.add_sync(world.simulated.company(COMPANY_ID), 2000, [])
    world.worker(batch(of(world.simulated, sync) | {"syncId": sync.sync_id}))
    sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName="dead")["QueueUrl"], MessageBody="crashed")
    for _ in range(2):
        text = client.get("dead-letters").text
        assert len(_shown(client)) == 3
        assert all(reason in text for reason in ("malformed-response", "unknown-event-type", "max-receives-exceeded"))
        assert f'href="./syncs/{sync.sync_id}"' in text
        assert f'href="./company/{COMPANY_ID}"' in text
        assert "Delivered ten times without success." in text
        assert HTML not in text
        assert "more" not in text.partition("<main")[2].partition("</main")[0]


def test_selected_letters_are_redriven(world: World, client: httpx.Client, sqs: "SQSClient") -> None:
    """Messages return unchanged to the queue they came from."""
    world.hears_what_it_does_not_know("expenses.sync.seen", 3)
    first, second, third = _shown(client)
    page = _deal(client, "redrive", {"letter": [first, second], "shown": [first, second, third]})
    assert "2 dead letters sent for reprocessing" in page.text
    assert _shown(client) == [third]
    assert [each.get("MessageAttributes") for each in _messages(sqs, "sync")] == [None, None]
    assert _messages(sqs, "retry") == []
    page = _deal(client, "redrive", {"letter": [first, third]})
    assert "1 dead letter sent for reprocessing" in page.text
    assert "1 more was not found" in page.text


def test_all_are_those_that_were_shown(world: World, client: httpx.Client, sqs: "SQSClient") -> None:
    """Dead letters that arrived later are not affected."""
    world.hears_what_it_does_not_know("expenses.sync.seen", 2)
    shown = _shown(client)
    world.hears_what_it_does_not_know("expenses.sync.missed")
    page = _deal(client, "drop", {"all": "yes", "shown": shown, "why": "The portal\u2019s test events"})
    assert "2 dead letters dropped" in page.text
    dropped = [row for row in re.findall("<tr>.*?</tr>", page.text, re.DOTALL) if "The portal’s test events" in row]
    assert len(dropped) == 2
    assert all("everybody: authentication is off (everybody)" in row for row in dropped)
    (left,) = _messages(sqs, "dead")
    assert "expenses.sync.missed" in extract_webhook(left["Body"])


@pytest.mark.parametrize("form", [{}, {"why": "  "}, {"why": "x" * 501}])
def test_none_is_dropped_without_a_reason(
    world: World, client: httpx.Client, sqs: "SQSClient", form: dict[str, str]
) -> None:
    """The form requires one, and a request without one is rejected."""
    world.hears_what_it_does_not_know("expenses.sync.seen")
    answer = client.post("dead-letters/drop", data=TOKEN | form | {"letter": _shown(client)})
    assert (answer.status_code, "must give a reason for dropping" in answer.text) == (400, True)
    assert len(_messages(sqs, "dead")) == 1


@pytest.mark.parametrize("how", ["redrive", "drop"])
def test_which_ones_has_to_be_said(world: World, client: httpx.Client, sqs: "SQSClient", how: str) -> None:
    """An empty selection does not select everything."""
    world.hears_what_it_does_not_know("expenses.sync.seen")
    answer = client.post(f"dead-letters/{how}", data=TOKEN | {"why": "a test", "shown": _shown(client)})
    assert (answer.status_code, "is missing: select at least one" in answer.text) == (400, True)
    assert len(_messages(sqs, "dead")) == 1


def test_many_are_shown_some_at_a_time(client: httpx.Client, sqs: "SQSClient") -> None:
    """The page stays under 100 KB with its assets, and says that there are more."""
    long = json.dumps([{"name": "Toft"}] * 1_000)
    url = sqs.get_queue_url(QueueName="retry-dead")["QueueUrl"]
    for start in range(0, 120, 10):
        entries = [{"Id": str(number), "MessageBody": f"{number} {long}"} for number in range(start, start + 10)]
        sqs.send_message_batch(QueueUrl=url, Entries=entries)  # type: ignore[arg-type] # a list of entries
    page = client.get("dead-letters")
    shared = sum(len(client.get(f"assets/{name}").content) for name in ("style.css", "page.js", "icon.svg"))
    assert shared + len(page.content) < 100_000
    assert "About 100 more are not shown" in page.text
    shown = _shown(client)
    assert len(shown) == 20
    assert "20 dead letters sent for reprocessing" in _deal(client, "redrive", {"all": "yes", "shown": shown}).text
    assert len(_messages(sqs, "retry")) == 20
    assert len(_messages(sqs, "retry-dead")) == 100


def test_letters_from_the_stream_are_not_redriven_here(client: httpx.Client, sqs: "SQSClient") -> None:
    """The page names the command to use instead, and offers to drop it."""
    sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName="publish-dead")["QueueUrl"], MessageBody="{}")
    text = client.get("dead-letters").text
    assert "make republish" in text
    assert "Reprocess</button>" not in text
    assert "0 dead letters sent for reprocessing" in _deal(client, "redrive", {"letter": _shown(client)}).text
    assert "1 dead letter dropped" in _deal(client, "drop", {"letter": _shown(client), "why": "corrected by hand"}).text


def test_a_form_is_about_its_own_queue(client: httpx.Client, sqs: "SQSClient") -> None:
    """Other queues are not searched."""
    sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName="retry-dead")["QueueUrl"], MessageBody="crashed")
    assert 'name="queue" value="retry"' in client.get("dead-letters").text
    shown = _shown(client)
    assert "0 dead letters sent for reprocessing" in _deal(client, "redrive", {"letter": shown, "queue": "sync"}).text
    assert "1 dead letter sent for reprocessing" in _deal(client, "redrive", {"letter": shown, "queue": "retry"}).text


def test_enter_drops_and_asks_why(client: httpx.Client, sqs: "SQSClient") -> None:
    """A browser activates the first button: a user who has entered a reason does not want to reprocess."""
    sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName="dead")["QueueUrl"], MessageBody="crashed")
    form = client.get("dead-letters").text.partition('<form class="card flush letters"')[2].partition("</form>")[0]
    assert re.findall("<button[^>]*>([^<]+)</button>", form) == ["Drop", "Reprocess"]


def test_what_a_form_has_answered_can_be_loaded_again(client: httpx.Client) -> None:
    """Redirect to the page without repeating the action."""
    answer = client.get("dead-letters/redrive")
    assert (answer.status_code, answer.headers["location"]) == (303, "../dead-letters")
