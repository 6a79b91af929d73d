"""What helps to find out why a sync failed: the configuration then and now, and the bundle for Codat's support."""

import json
from typing import Any

import pytest

from codat_sync.core.clock import utc_now
from codat_sync.syncs.repository import SyncRepository
from codat_sync.webhooks.events import WebhookEvent
from dev.codat_simulator.books.models import Item
from dev.codat_simulator.books.settling import Outcome, Verdict
from dev.codat_simulator.faults import Fault
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID, SYNC_ID, load
from tests.support.botocore_calls import count_requests
from tests.support.handlers import Handler, StartFunction
from tests.support.sqs_batches import batch, failed, of
from tests.support.submit_requests import EXPENSES, ask, expense

_THEN = {"bankAccount": {"id": "7"}, "supplier": {"id": "s"}}


@pytest.fixture
def health(start: StartFunction, simulated: SimulatedCodat) -> Handler:
    """Return health, after the sync of the stored events has failed with this configuration."""
    simulated.configure(COMPANY_ID, _THEN)
    assert failed(start("worker")(batch(of(simulated, simulated.sync(SYNC_ID))))) == []
    return start("health")


def _get(health: Handler, path: str, status: int = 200) -> Any:  # noqa: ANN401 - JSON
    event = load("health", "sync")
    event["rawPath"] = event["requestContext"]["http"]["path"] = f"/api/v1{path}"
    answer = health(event)
    assert answer["statusCode"] == status, answer["body"]
    return json.loads(answer["body"])


def test_the_configuration_then_is_shown_without_asking_codat(health: Handler, simulated: SimulatedCodat) -> None:
    """It is stored; of a sync that has not failed, there is none."""
    simulated.requests.clear()
    with count_requests() as requests:
        then = _get(health, f"/syncs/{SYNC_ID}/configuration")
    assert (then["configuration"], then["notKept"], then["connection"]["status"]) == (_THEN, None, "Linked")
    assert (simulated.requests.entries, requests.total()) == ((), 2)
    assert _get(health, "/syncs/unknown/configuration", 404)["status"] == 404


def test_then_and_now_are_compared(health: Handler, simulated: SimulatedCodat) -> None:
    """With one call to Codat."""
    same = _get(health, f"/syncs/{SYNC_ID}/configuration/differences")
    assert (same["differences"], same["hasConnectionChanged"]) == ([], False)
    simulated.configure(COMPANY_ID, {"bankAccount": {"id": "8"}, "customer": {"id": "c"}})
    simulated.requests.clear()
    compared = _get(health, f"/syncs/{SYNC_ID}/configuration/differences")
    assert compared["differences"] == [
        {"path": "$.bankAccount.id", "kind": "changed", "before": "7", "after": "8"},
        {"path": "$.supplier", "kind": "removed", "before": {"id": "s"}, "after": None},
        {"path": "$.customer", "kind": "added", "before": None, "after": {"id": "c"}},
    ]
    assert (compared["then"]["configuration"], compared["now"]["customer"]) == (_THEN, {"id": "c"})
    assert len(simulated.requests.entries) == 1
    simulated.faults.add(Fault("status", status=503, times=3))
    assert _get(health, f"/syncs/{SYNC_ID}/configuration/differences", 504)


def test_a_sync_without_a_configuration_of_that_time_has_no_differences(
    start: StartFunction, health: Handler, simulated: SimulatedCodat
) -> None:
    """Because it has not failed."""
    good = simulated.add_sync(simulated.company(COMPANY_ID), 2000, [Item("t")])
    start("worker")(batch(of(simulated, good)))
    compared = _get(start("health"), f"/syncs/{good.sync_id}/configuration/differences")
    assert (compared["then"], compared["differences"], compared["now"]) == (None, None, _THEN)
    del health


def test_the_bundle_has_what_codats_support_asks_for_and_nothing_of_the_expense(
    start: StartFunction, health: Handler, simulated: SimulatedCodat
) -> None:
    """Of a submitted expense that failed: no body, amount or merchant, no name, no secret."""
    body = expense(merchantName="The Corner Shop", lines=[{"netAmount": 4711.11, "taxAmount": 20}])
    made = ask(start("submit"), "POST", EXPENSES, [body]).body["syncId"]
    simulated.settle(made, Outcome(otherwise=Verdict("PushError", "Account 6100 is archived."), webhook=None))
    start("worker")(batch(of(simulated, simulated.sync(made), "msg_7")))
    with count_requests() as requests:
        bundle = _get(start("health"), f"/syncs/{made}/support-bundle")
    assert list(bundle)[:3] == ["about", "generatedAt", "sync"]
    assert (bundle["sync"]["syncId"], bundle["sync"]["code"]) == (made, 5130)
    assert [(each["transactionId"], each["message"]) for each in bundle["items"]] == [
        (body["id"], "Account 6100 is archived.")
    ]
    (submission,) = bundle["submissions"]
    assert (submission["syncId"], submission["state"], submission["transactionIds"]) == (made, "accepted", [body["id"]])
    assert submission["idempotencyKey"]
    assert [event["webhookId"] for event in bundle["events"]] == ["msg_7"]
    assert bundle["atFailure"]["configuration"] == _THEN
    assert made in bundle["logs"]["query"]
    text = json.dumps(bundle)
    for private in ("Corner", "4711", simulated.company(COMPANY_ID).name, simulated.credentials.split()[1]):
        assert private not in text
    assert requests.total() <= 12
    assert _get(health, "/syncs/unknown/support-bundle", 404)


def test_the_bundle_is_bounded(
    start: StartFunction, health: Handler, simulated: SimulatedCodat, store: SyncRepository
) -> None:
    """A sync with many failed items of long messages, and many events."""
    rows = [Item(f"t{number}", "PushError", message="é" * 5_000) for number in range(120)]
    sync = simulated.add_sync(simulated.company(COMPANY_ID), 5130, rows)
    assert failed(start("worker")(batch(of(simulated, sync)))) == []
    now = utc_now()
    events = [WebhookEvent(f"msg_{number}", "expenses.sync", now, now, f"id_{number}") for number in range(110)]
    store.record_events(store.load_snapshot(COMPANY_ID, sync.sync_id, []), events, now)
    with count_requests() as requests:
        bundle = _get(start("health"), f"/syncs/{sync.sync_id}/support-bundle")
    assert (len(bundle["items"]), bundle["hasMoreItems"]) == (100, True)
    assert (len(bundle["events"]), bundle["hasMoreEvents"]) == (100, True)
    assert len(json.dumps(bundle, ensure_ascii=False).encode()) < 1_000_000
    assert requests.total() <= 40
    del health
