"""Infer what the product wants from repeated submissions and late syncs."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from codat_sync.core.timestamps import format_timestamp
from codat_sync.syncs.repository import SyncRepository
from codat_sync.syncs.retry_record import RetryState
from codat_sync.syncs.retry_repository import RetryRepository
from dev.codat_simulator.books.settling import Outcome as Settled
from dev.codat_simulator.books.settling import Verdict
from dev.codat_simulator.books.submissions import Origin, SubmittedTransaction
from dev.codat_simulator.faults import Fault
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID
from tests.integration.retries.test_service import Product
from tests.support.aws import Aws
from tests.support.handlers import Handler
from tests.support.sqs_batches import batch, of
from tests.support.stepping import Crash
from tests.support.submit_requests import EXPENSES, ask, expense

_FAILED = Settled(otherwise=Verdict("PushError", "The accounting software is busy."))


@pytest.fixture
def product(
    start: Callable[[str], Handler], aws: Aws, simulated: SimulatedCodat, monkeypatch: pytest.MonkeyPatch
) -> Product:
    """Return a product whose functions read the gate before each call."""
    monkeypatch.setattr("codat_sync.rate_limits.gate._MAX_AGE", 0)
    return Product(start, aws, simulated)


def _age(store: SyncRepository, aws: Aws, minutes: int) -> None:
    """Make all submissions older, instead of waiting."""
    for item in aws.dynamodb.scan(TableName=aws.environment["SYNC_TABLE_NAME"])["Items"]:
        if item["pk"]["S"].startswith("SUB#"):
            key = {"pk": item["pk"]["S"], "sk": item["sk"]["S"]}
            earlier: dict[str, object] = {
                name: format_timestamp(datetime.fromisoformat(item[name]["S"]) - timedelta(minutes=minutes))
                for name in ("recordedAt", "sentAt")
                if name in item
            }
            store.table.update(key, earlier, {})


def test_of_a_sync_that_is_refused_for_duplicates_only_those_are_written(
    product: Product, simulated: SimulatedCodat
) -> None:
    """The others are not buried: what Codat says of each one counts."""
    known, invalid, silent, other = (expense() for _ in range(4))
    sync_id = product.submits(known, invalid, silent, other)
    verdicts = {
        known["id"]: Verdict("PushError", f"One or more transactions have previously been processed: {known['id']}"),
        invalid["id"]: Verdict("ValidationError", "Account 6100 is archived."),
        silent["id"]: Verdict("PushError", "Something else."),
        other["id"]: Verdict("PushError", f"One or more transactions have previously been processed: {known['id']}"),
    }
    product.hears(sync_id, Settled(verdicts, code=5080))
    asked = product.asks(sync_id, transactionIds=[])
    steps = {each["transactionId"]: each["step"] for each in asked["transactions"]}
    assert steps == {
        known["id"]: "alreadyWritten",
        invalid["id"]: "needsCorrection",  # an operator overrides that for the items that they name
        silent["id"]: "outcomeUnknown",
        other["id"]: "retryNow",
    }
    assert asked["state"] != "resolved"
    assert len(simulated.submissions) == 1


def test_a_lost_answer_is_found_in_the_table_however_much_else_codat_lists(
    product: Product, store: SyncRepository, aws: Aws, simulated: SimulatedCodat
) -> None:
    """Its webhook announced it, and the search in Codat's list is bounded."""
    lost = expense()
    simulated.faults.add(Fault("disconnect_after", path="expense-transactions$"))
    assert ask(product.submit, "POST", EXPENSES, [lost]).status == 504
    (made,) = simulated.submissions
    product.hears(made.sync_id, _FAILED)
    company = simulated.company(COMPANY_ID)
    for _ in range(25):
        simulated.add_sync(company, 2000, (), sync_utc=format_timestamp(datetime.now(UTC)))
    _age(store, aws, 2)
    answer = product.asks(made.sync_id)
    assert [each["step"] for each in answer["transactions"]] == ["inProgress"]
    assert answer["transactions"][0]["retrySyncId"]


@pytest.mark.parametrize("is_lost", [False, True])
def test_a_transfer_is_created_once_however_it_is_written_down(
    product: Product, store: SyncRepository, aws: Aws, simulated: SimulatedCodat, *, is_lost: bool
) -> None:
    """The same with its keys in another order is the same; another one is refused, as it would be one more."""
    transaction_id = str(uuid4())
    path = f"/companies/{COMPANY_ID}/sync/expenses/transfer-transactions/{transaction_id}"
    side = {"accountRef": {"id": "a"}, "amount": 5}
    body = {"date": "2026-11-24", "from": side, "to": side}
    if is_lost:
        simulated.faults.add(Fault("disconnect_after", path="transfer"))
    ask(product.submit, "PUT", path, body)
    (made,) = simulated.submissions
    product.hears(made.sync_id)
    _age(store, aws, 2)
    again = ask(product.submit, "PUT", path, json.dumps(body, sort_keys=True, indent=1))
    assert (again.status, again.body) == (200, {"syncId": made.sync_id})
    assert ask(product.submit, "PUT", path, body | {"date": "2026-11-25"}).status == 400
    assert len(simulated.submissions) == 1


def test_a_failed_update_is_sent_again_with_any_idempotency_key(product: Product, simulated: SimulatedCodat) -> None:
    """A PUT takes none: it says nothing."""
    body = expense()
    path = f"{EXPENSES}/{body['id']}"
    for number in (1, 2):
        answer = ask(product.submit, "PUT", path, body, idempotency_key=str(uuid4()))
        assert len(simulated.submissions) == number
        product.hears(answer.body["syncId"], _FAILED)


def test_an_update_that_codat_refuses_does_not_keep_from_creating_what_failed(
    product: Product, simulated: SimulatedCodat
) -> None:
    """There was nothing to update: the product was notified and wants the expense as it was."""
    body = expense()
    sync_id = product.submits(body)
    product.hears(sync_id, _FAILED)
    simulated.faults.add(Fault("status", status=404, path=body["id"]))
    assert ask(product.submit, "PUT", f"{EXPENSES}/{body['id']}", expense(body["id"], type="Refund")).status == 404
    product.minute()
    first, second = simulated.submissions
    assert second.origin.method == "POST"
    assert second.transactions[0].body == first.transactions[0].body


def test_a_click_on_a_retry_creates_what_that_had_and_nothing_else(product: Product, simulated: SimulatedCodat) -> None:
    """The others of the first sync have plans of their own."""
    one, two = expense(), expense()
    sync_id = product.submits(one, two)
    product.hears(sync_id, _FAILED)
    product.asks(sync_id, transactionIds=[one["id"]])
    again = simulated.submissions[-1].sync_id
    product.hears(again, _FAILED)
    assert product.asks(again)["syncId"] == sync_id
    assert [each.transaction_id for each in simulated.submissions[-1].transactions] == [one["id"]]
    assert len(simulated.submissions) == 3


def test_a_late_event_of_an_earlier_sync_does_not_hide_a_failed_update(
    product: Product, simulated: SimulatedCodat
) -> None:
    """Codat's time counts, not the webhook's."""
    body = expense()
    origin = Origin(COMPANY_ID, "POST", "expense-transactions")
    created = simulated.accept(
        simulated.company(COMPANY_ID), origin, [SubmittedTransaction(body["id"], json.dumps(body))]
    )
    simulated.settle(created.sync_id)
    an_hour_ago = format_timestamp(datetime.now(UTC) - timedelta(hours=1))
    simulated.change_sync(created.sync_id, sync_utc=an_hour_ago)
    updated = ask(product.submit, "PUT", f"{EXPENSES}/{body['id']}", body).body["syncId"]
    product.hears(updated, _FAILED)
    product.worker(batch(of(simulated, simulated.sync(created.sync_id), "msg_late")))
    product.minute()
    assert [each.origin.method for each in simulated.submissions] == ["POST", "PUT", "PUT"]


def test_a_click_that_crashed_on_what_was_at_rest_is_found_by_the_clock(
    product: Product, store: SyncRepository, aws: Aws, simulated: SimulatedCodat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first sync shows resolved, and is linked to the one that the click has made."""
    body = expense()
    sync_id = product.submits(body)
    product.hears(sync_id, Settled(otherwise=Verdict("ValidationError", "Account 6100 is archived.")))
    product.minute()
    retries = RetryRepository(store.table)
    found = retries.load(sync_id)
    assert found
    assert (found.state, found.due_at) == (RetryState.STOPPED, None)

    def crash(*_: object) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(SyncRepository, "announce", crash)
        with pytest.raises(Crash):
            product.asks(sync_id)
    again = simulated.submissions[-1].sync_id
    product.hears(again)
    found = retries.load(sync_id)
    assert found
    assert found.due_at
    _age(store, aws, 2)
    store.table.update({"pk": f"SYNC#{sync_id}", "sk": "RETRY"}, {"dueAt": format_timestamp(datetime.now(UTC))}, {})
    product.minute()
    found = retries.load(sync_id)
    assert found
    assert (found.state, found.sync_ids) == (RetryState.RESOLVED, (again,))
    document = store.load_sync(again)
    assert document
    assert document.retry_of == sync_id
    assert simulated.times_created(COMPANY_ID, body["id"]) == 1
