"""What a retry would do: the push items, the confirmation page and the JSON API say the same."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import boto3
import httpx
import pytest

from codat_sync.aws.dynamodb import Table
from codat_sync.retries.planner import Plan
from codat_sync.retries.preview import MAX_PLANNED, MAX_SHOWN
from codat_sync.retries.service import RetryResult, summarize
from codat_sync.syncs.items import Item
from codat_sync.syncs.repository import SyncRepository
from codat_sync.syncs.retry_record import Step
from codat_sync.syncs.retry_repository import RetryRepository
from codat_sync.syncs.sync import Sync, SyncStatus
from dev.stored_events import COMPANY_ID
from dev.waiting import poll
from tests.pages.world import TOKEN, World
from tests.support.botocore_calls import count_requests
from tests.support.submit_requests import ask, expense

pytestmark = [
    pytest.mark.xdist_group("pages"),
    pytest.mark.filterwarnings("ignore:No application metrics:UserWarning"),
]

_LARGE = 20_000
# Requests to DynamoDB that a page costs, however large the sync is: the list of push items; and what plans transactions
# or reads all items, which takes one request for every eight parts of a sync, and three for each planned transaction.
_MAX_FOR_ITEMS = 14
_MAX_FOR_A_PLAN = 20 + 3 * MAX_SHOWN


def _plan(client: httpx.Client, sync_id: str, **query: Any) -> dict[str, Any]:  # noqa: ANN401 - query parameters
    answer = client.get(f"api/v1/syncs/{sync_id}/plan", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize(("number", "limit"), [(112, MAX_PLANNED), (12, 10)])
def test_items_that_can_be_retried_are_found_wherever_they_are(
    world: World, client: httpx.Client, monkeypatch: pytest.MonkeyPatch, number: int, limit: int
) -> None:
    """Only the last two have a body. The button, the confirmation page and the API agree, and these two are sent."""
    monkeypatch.setattr("codat_sync.retries.preview.MAX_PLANNED", limit)
    sync, ids = world.fails_with_a_body_for_the_last_two(number)
    path = f"syncs/{sync.sync_id}"
    assert "How many of them can be retried has not been checked yet." in client.get(f"{path}/items").text
    # The first automatic check: all of them need a correction, so nothing is resubmitted.
    world.retry({"syncId": sync.sync_id})
    items = client.get(f"{path}/items").text
    assert "Retry 2 items…" in items
    assert f"{number} items failed, of which 2 can be retried." in items
    found = _plan(client, sync.sync_id)
    assert (found["failed"], found["retriable"], found["isRetriable"]) == (number, 2, True)
    assert found["steps"] == {"noBodyRecorded": number - 2, "needsCorrection": 2}
    assert found["isTruncated"] == (number > limit)
    planned = {each["transactionId"] for each in found["transactions"] if each["plan"]["step"] == "retryNow"}
    assert planned == set(ids)
    confirmation = client.get(f"{path}/retry").text
    assert "2 items will be resubmitted" in confirmation
    assert "Retry 2 items</button>" in confirmation
    assert all(each in confirmation for each in ids)
    before = len(world.simulated.submissions)
    assert client.post(f"{path}/retry", data=TOKEN).status_code == 303
    # The page waits for 20 s at most; the retry goes on.
    assert poll(lambda: len(world.simulated.submissions) > before)
    (sent,) = world.simulated.submissions[before:]
    assert {each.transaction_id for each in sent.transactions} == set(ids)
    assert _plan(client, sync.sync_id, transactionId=ids)["retriable"] == 0


def test_only_the_selected_items_are_retried(world: World, client: httpx.Client) -> None:
    """They are shown first. What can't be retried is named with the reason."""
    sync, (first, second) = world.fails_with_a_body_for_the_last_two(3)
    path, without = f"syncs/{sync.sync_id}", sync.items[0].transaction_id
    assert f'name="transaction" value="{first}"' in client.get(f"{path}/items").text
    before = len(world.simulated.submissions)
    confirmation = client.post(f"{path}/retry/selection", data={**TOKEN, "transaction": [first, without]}).text
    assert "1 item will be resubmitted" in confirmation
    assert "We don’t have a copy to resubmit" in confirmation
    assert second not in confirmation
    found = _plan(client, sync.sync_id, transactionId=[first, "unknown"])
    assert [each["plan"]["step"] for each in found["transactions"]] == ["retryNow", "notFailed"]
    assert len(world.simulated.submissions) == before
    answer = client.post(f"{path}/retry/selected", data={**TOKEN, "transaction": [first, without]})
    assert answer.headers["location"].endswith("/items?retried=yes")
    assert [each.transaction_id for each in world.simulated.submissions[before].transactions] == [first]


def test_a_selection_that_was_lost_retries_nothing(world: World, client: httpx.Client) -> None:
    """It is an error, not a retry of everything."""
    sync, _ = world.fails_with_a_body_for_the_last_two(2)
    path, before = f"syncs/{sync.sync_id}/retry", len(world.simulated.submissions)
    assert "No items are selected." in client.post(f"{path}/selection", data=TOKEN).text
    assert client.post(f"{path}/selected", data=TOKEN).status_code == 400
    many = {**TOKEN, "transaction": [f"t{each}" for each in range(MAX_PLANNED + 1)]}
    assert client.post(f"{path}/selection", data=many).status_code == 400
    assert client.get(f"{path}/selection").headers["location"].endswith(f"syncs/{sync.sync_id}/items")
    assert len(world.simulated.submissions) == before


@pytest.fixture(scope="module")
def large_sync(world: World) -> tuple[str, list[str]]:
    """Store a sync of 20,000 items, half of them failed and thirty of these with a body; return its and their ids."""
    sync_id, table = str(uuid4()), Table(boto3.client("dynamodb"), "syncs")
    ids = [str(uuid4()) for _ in range(_LARGE)]
    retriable = ids[-60::2]
    message = "The account 6100 is archived in the accounting software, so that nothing can be posted to it any more."
    items = tuple(
        Item(each, "expense", "Completed" if number % 2 else "PushError", None if number % 2 else message)
        for number, each in enumerate(ids)
    )
    store, now = SyncRepository(table, event_retention=timedelta()), datetime.now(UTC)
    status = SyncStatus(COMPANY_ID, sync_id, 5130, "PushError", None, None, now - timedelta(days=70), data_pushed=True)
    snapshot = store.load_snapshot(COMPANY_ID, sync_id, [])
    indexed = tuple(each for each in items if each.transaction_id in retriable)
    store.put_index_entries(Sync(status, indexed), snapshot, now)
    store.commit(Sync(status, items), None, snapshot, now)
    for each in retriable:
        ask(world.submit, "PUT", f"/recorded/{COMPANY_ID}/expense-transactions/{each}", expense(each))
    return sync_id, retriable


def test_a_large_sync_costs_a_bounded_number_of_requests(
    client: httpx.Client, large_sync: tuple[str, list[str]]
) -> None:
    """Before its retry has been planned and after it."""
    sync_id, retriable = large_sync
    path, failed = f"syncs/{sync_id}", _LARGE // 2

    def get(path: str, most: int) -> httpx.Response:
        with count_requests() as requests:
            answer = client.get(path)
        assert (answer.status_code, requests.total() <= most) == (200, True), requests
        return answer

    assert "Check what can be retried…" in get(f"{path}/items", _MAX_FOR_ITEMS).text
    assert "has not been counted yet" in get(f"{path}/retry", _MAX_FOR_A_PLAN).text
    uncounted = get(f"api/v1/{path}/plan", _MAX_FOR_A_PLAN).json()
    assert (uncounted["failed"], uncounted["retriable"], uncounted["isRetriable"]) == (failed, None, True)
    assert (len(uncounted["transactions"]), uncounted["steps"], uncounted["isTruncated"]) == (MAX_SHOWN, {}, True)

    correction, without = Plan(Step.NEEDS_CORRECTION, "Not valid."), Plan(Step.NO_BODY_RECORDED, "There is none.")
    results = [RetryResult(str(number), without) for number in range(failed - len(retriable))]
    results += [RetryResult(each, correction, is_retriable=True) for each in retriable]
    retries = RetryRepository(Table(boto3.client("dynamodb"), "syncs"))
    retries.put(COMPANY_ID, sync_id, summarize(None, results, datetime.now(UTC)), retries.load(sync_id))

    assert f"Retry {len(retriable)} items…" in get(f"{path}/items?search=nothing", _MAX_FOR_ITEMS).text
    counted = get(f"api/v1/{path}/plan", _MAX_FOR_A_PLAN).json()
    assert (counted["failed"], counted["retriable"]) == (failed, len(retriable))
    assert counted["steps"] == {"noBodyRecorded": failed - len(retriable), "needsCorrection": len(retriable)}
    shown = [each["transactionId"] for each in counted["transactions"]]
    assert (shown, counted["isTruncated"]) == (retriable[:MAX_SHOWN], True)
    confirmation = get(f"{path}/retry", _MAX_FOR_A_PLAN).text
    assert f"{len(retriable)} items will be resubmitted" in confirmation
    assert f"the first {MAX_SHOWN} that can be resubmitted are shown" in confirmation
