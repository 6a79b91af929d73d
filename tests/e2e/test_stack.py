"""From a webhook of Codat's to the table, through what is deployed on AWS."""

import base64
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Literal

import httpx
import pytest

from codat_sync.aws.dynamodb import Table
from codat_sync.dead_letters.dead_letter import DeadLetterFilter
from codat_sync.syncs.record import SyncRecord
from codat_sync.syncs.repository import SyncRepository
from codat_sync.syncs.retry_repository import RetryRepository
from codat_sync.syncs.status_codes import Outcome
from dev.codat_simulator.books.models import Item, Sync
from dev.codat_simulator.books.sample_data import generate_expense, generate_items
from dev.codat_simulator.books.settling import Outcome as Settled
from dev.codat_simulator.books.settling import Verdict
from dev.codat_simulator.control.client import SimulatorControl
from dev.codat_simulator.control.messages import NewWebhook
from dev.codat_simulator.faults import Fault
from dev.codat_simulator.webhooks.events import Generation
from dev.local_stack.aws_clients import LocalAws
from dev.local_stack.show_sync import show_sync
from dev.local_stack.simulator_process import add_example_sync
from dev.local_stack.webhooks import send_webhook
from dev.stored_events import EVENTS, SYNC_ID, UNSIGNED, load
from dev.waiting import PATIENCE_SECONDS
from ops.dead_letters.commands import dead_letters
from ops.deployment import Deployment
from ops.errors import CommandError
from ops.local_stack import Outputs
from tests.e2e.eventually import eventually

pytestmark = pytest.mark.xdist_group("e2e")  # one stack for all of them


@pytest.fixture
def codat(stack: Outputs) -> Iterator[SimulatorControl]:
    """Return the control client of simulated Codat."""
    with SimulatorControl(stack.codat_url) as control:
        yield control
        control.clear_faults()


@pytest.fixture(scope="module")
def aws(stack: Outputs) -> LocalAws:
    """AWS, as its administrator sees it."""
    return LocalAws(stack.aws_endpoint_url)


@pytest.fixture(scope="module")
def store(stack: Outputs, aws: LocalAws) -> SyncRepository:
    """Return the table, as its readers see it."""
    return SyncRepository(Table(aws.dynamodb, stack.table_name), event_retention=timedelta(days=16))


@pytest.fixture(scope="module", autouse=True)
def in_progress(stack: Outputs, store: SyncRepository) -> Sync:
    """Return a sync that ended without a webhook: the clock's minute passes while others are tested."""
    with SimulatorControl(stack.codat_url) as codat:
        sync = _new_sync(codat, 1000)
        codat.send_webhook(NewWebhook(sync_id=sync.sync_id))
        assert _at_version(store, sync.sync_id).outcome is Outcome.IN_PROGRESS
        codat.change_sync(sync.sync_id, code=2000, items=(Item("t"),))
        return sync


def _new_sync(codat: SimulatorControl, code: int = 5130, rows: int = 5) -> Sync:
    return codat.add_sync(company_id=codat.add_company().company_id, code=code, generate=rows)


def _at_version(store: SyncRepository, sync_id: str, version: int = 1) -> SyncRecord:
    def look() -> SyncRecord | None:
        document = store.load_sync(sync_id)
        return document if document and document.version >= version else None

    return eventually(look)


def _receive(aws: LocalAws, url: str) -> list[Any]:
    return aws.sqs.receive_message(
        QueueUrl=url, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"], VisibilityTimeout=0
    ).get("Messages", [])


def test_a_webhook_becomes_a_sync_in_the_table(codat: SimulatorControl, store: SyncRepository) -> None:
    """Signed and delivered by the simulator, read back from it by the worker, with all its transactions."""
    sync = _new_sync(codat)
    webhook_id = codat.send_webhook(NewWebhook(sync_id=sync.sync_id))
    document = _at_version(store, sync.sync_id)
    assert document.sync
    assert (document.company_id, document.sync.status.code) == (sync.company_id, 5130)
    assert document.outcome is Outcome.FAILED
    assert sum(item.rows for item in document.items) == len(sync.items)
    for item in sync.items:
        if item.transaction_id:
            assert store.load_sync_ids_of_transaction(sync.company_id, item.transaction_id) == [sync.sync_id]
    assert eventually(lambda: store.load_processed_event_ids(sync.sync_id)) == [webhook_id]


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("generation", ["current", "old"])
def test_both_generations_are_received_by_both_methods(
    codat: SimulatorControl, store: SyncRepository, generation: Generation, method: Literal["POST", "PUT"]
) -> None:
    """The routes of the API are the template's."""
    sync = _new_sync(codat, 2000)
    codat.send_webhook(NewWebhook(sync_id=sync.sync_id, generation=generation, method=method, headers="svix"))
    assert _at_version(store, sync.sync_id).outcome is Outcome.SUCCEEDED


def test_a_changed_sync_is_fetched_again(codat: SimulatorControl, store: SyncRepository) -> None:
    """A replay, too, ends with what is true now."""
    sync = _new_sync(codat, 1000)
    webhook_id = codat.send_webhook(NewWebhook(sync_id=sync.sync_id, event_type="expenses.sync.successful"))
    assert _at_version(store, sync.sync_id).outcome is Outcome.IN_PROGRESS
    codat.change_sync(sync.sync_id, code=2040, items=())
    codat.replay(webhook_id)
    assert _at_version(store, sync.sync_id, 2).outcome is Outcome.SUCCEEDED


def test_twenty_thousand_transactions_stand_in_the_table(codat: SimulatorControl, store: SyncRepository) -> None:
    """With long messages, in parts, within DynamoDB's limits, which the emulator holds us to."""
    long = tuple(Item(f"t{n}", "PushError", "expense", f"{n} ".ljust(500, "x")) for n in range(19_950))
    items = (*generate_items(50, code=5130), *long)
    sync = codat.add_sync(company_id=codat.add_company().company_id, code=5130, items=items)
    codat.send_webhook(NewWebhook(sync_id=sync.sync_id))
    kept = _at_version(store, sync.sync_id).items
    assert sum(item.rows for item in kept) == 20_000
    assert [item.message for item in kept[-19_950:]] == [item.message for item in long]


def test_a_poison_message_is_dead_lettered_and_redriven_with_make_redrive(
    stack: Outputs, codat: SimulatorControl, store: SyncRepository, aws: LocalAws
) -> None:
    """With its reason, its group and its body; and after the fix it is done with."""
    sync = _new_sync(codat)
    codat.add_fault(Fault("wrong_shape", times=3, sync_id=sync.sync_id, path="status$"))
    codat.send_webhook(NewWebhook(sync_id=sync.sync_id))
    (message,) = eventually(lambda: _receive(aws, stack.dead_letter_queue_url))
    assert message["MessageAttributes"]["reason"]["StringValue"] == "malformed-response"
    assert message["Attributes"]["MessageGroupId"] == sync.company_id
    announced = store.load_sync(sync.sync_id)
    assert announced
    assert announced.outcome is Outcome.ANNOUNCED

    letters = dead_letters(Deployment.local(stack))
    this_one = DeadLetterFilter(frozenset({message["MessageId"]}), "sync", "malformed-response", sync.company_id)
    assert [letter.sync_id for letter in letters.find(this_one)] == [sync.sync_id]
    assert len(letters.redrive(this_one, "an operator")) == 1
    assert _at_version(store, sync.sync_id, 2).outcome is Outcome.FAILED
    assert _receive(aws, stack.dead_letter_queue_url) == []


def test_what_nobody_signed_changes_nothing(stack: Outputs, aws: LocalAws) -> None:
    """401, and nothing on the queue."""
    payload = load("receiver", UNSIGNED)
    answer = httpx.post(stack.webhook_url, content=payload["body"], timeout=PATIENCE_SECONDS)
    assert answer.status_code == 401
    assert answer.json() == {"message": "Unauthorized"}
    assert _receive(aws, stack.queue_url) == []


def test_other_paths_and_methods_lead_nowhere(stack: Outputs) -> None:
    """Only the webhook path can be reached."""
    assert httpx.get(stack.webhook_url, timeout=PATIENCE_SECONDS).status_code == 404
    assert httpx.post(stack.api_url + "/elsewhere", timeout=PATIENCE_SECONDS).status_code == 404


def test_what_is_submitted_and_fails_is_created_again(
    stack: Outputs, codat: SimulatorControl, store: SyncRepository, aws: LocalAws
) -> None:
    """Retry through the deployed API, by the clock or manually, until it is in the books once."""
    company = codat.add_company()
    transaction_id = "4d7c6929-7770-412b-91bb-44d3bc71d444"
    credentials = base64.b64encode(stack.codat_api_key.encode()).decode()
    answer = httpx.post(
        f"{stack.api_url}/companies/{company.company_id}/sync/expenses/expense-transactions",
        json=[generate_expense(transaction_id)],
        headers={"Authorization": f"Basic {credentials}"},
        timeout=PATIENCE_SECONDS,
    )
    assert answer.status_code == 200
    sync_id = answer.json()["syncId"]
    submitted = store.load_sync(sync_id)
    assert submitted
    assert submitted.submitted_ids == (transaction_id,)
    codat.settle(sync_id, Settled(otherwise=Verdict("PushError", "busy")))
    eventually(lambda: (found := store.load_sync(sync_id)) and found.outcome is Outcome.FAILED)
    retried = httpx.post(f"{stack.api_url}/api/v1/syncs/{sync_id}/retry", json={}, timeout=PATIENCE_SECONDS)
    assert retried.status_code == 200
    (planned,) = retried.json()["transactions"]
    again = planned["retrySyncId"]
    assert again, planned
    codat.settle(again)
    eventually(lambda: (found := store.load_sync(again)) and found.outcome is Outcome.SUCCEEDED)
    assert [entry.sync_id for entry in codat.books(company.company_id)] == [again]
    retry = RetryRepository(Table(aws.dynamodb, stack.table_name)).load(sync_id)
    assert retry
    assert retry.sync_ids == (again,)


def test_what_is_in_the_table_is_asked_for_over_http(
    stack: Outputs, codat: SimulatorControl, store: SyncRepository
) -> None:
    """The function's own permissions allow reading and calling Codat."""
    sync = _new_sync(codat, rows=3)
    codat.send_webhook(NewWebhook(sync_id=sync.sync_id))
    _at_version(store, sync.sync_id)
    api = f"{stack.api_url}/api/v1"
    history = httpx.get(f"{api}/syncs", params={"companyId": sync.company_id}, timeout=PATIENCE_SECONDS).json()
    assert [row["syncId"] for row in history["syncs"]] == [sync.sync_id]
    assert httpx.get(f"{api}/totals", timeout=PATIENCE_SECONDS).json()["total"]["syncs"] >= 1
    for path in ("", "/transactions", "/plan"):
        assert httpx.get(f"{api}/syncs/{sync.sync_id}{path}", timeout=PATIENCE_SECONDS).status_code == 200
    codat.change_sync(sync.sync_id, code=2000, items=())
    live = httpx.post(f"{api}/syncs/{sync.sync_id}/refresh", timeout=PATIENCE_SECONDS)
    assert live.json()["status"]["code"] == 2000
    assert _at_version(store, sync.sync_id, 2).outcome is Outcome.SUCCEEDED


def test_without_codats_key_nobody_gets_to_codat(stack: Outputs) -> None:
    """Whatever the path below /companies."""
    assert httpx.get(f"{stack.api_url}/companies", timeout=PATIENCE_SECONDS).status_code == 401


def test_a_sync_in_progress_ends_without_a_webhook(in_progress: Sync, store: SyncRepository) -> None:
    """The template's schedule polls every minute."""

    def ended() -> SyncRecord | None:
        document = _at_version(store, in_progress.sync_id)
        return document if document.outcome is Outcome.SUCCEEDED else None

    assert eventually(ended).pending_check is None


def test_the_commands_of_the_readme_send_a_webhook_and_show_its_sync(
    stack: Outputs, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without curl, and without a wait for a sync that no webhook has announced."""
    monkeypatch.setattr(Outputs, "read", lambda: stack)
    add_example_sync(stack.codat_url)
    send_webhook(EVENTS / "receiver/sync-unsuccessful.json", None)
    assert capsys.readouterr().out.startswith("202")
    show_sync(SYNC_ID)
    assert "Account 6100 is archived." in capsys.readouterr().out
    with pytest.raises(CommandError, match="send a webhook for it first"):
        show_sync("6fb40d5e-b13e-11ed-afa1-0242ac129999")
    with pytest.raises(CommandError, match="did not accept"):
        send_webhook(EVENTS / "receiver/sync-unsuccessful.json", f"{stack.api_url}/elsewhere")
    with pytest.raises(CommandError, match="does not answer"):
        send_webhook(EVENTS / "receiver/sync-unsuccessful.json", "http://127.0.0.1:9")
