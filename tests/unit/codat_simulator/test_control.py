"""The simulator does over its control API what its client says."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import pytest

from dev.codat_simulator.books.models import Company, Item
from dev.codat_simulator.books.sample_data import generate_expense
from dev.codat_simulator.books.settling import Outcome, Rule, Settling, Verdict
from dev.codat_simulator.control.api import ControlApi
from dev.codat_simulator.control.client import ControlError, SimulatorControl
from dev.codat_simulator.control.messages import NewCompany, NewWebhook
from dev.codat_simulator.faults import Fault
from dev.codat_simulator.simulator import SimulatedCodat
from dev.codat_simulator.webhooks.delivery import Deliverer
from dev.waiting import PATIENCE_SECONDS

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@dataclass
class Running:
    """A simulator, its client, and the webhooks that it sent."""

    codat: SimulatedCodat
    deliverer: Deliverer
    control: SimulatorControl
    webhooks: list[httpx.Request] = field(default_factory=list)

    def create(self, company: Company, *transaction_ids: str) -> str:
        """Create transactions as a client of Codat's would; returns their sync."""
        url = f"https://api.codat.io/companies/{company.company_id}/sync/expenses/expense-transactions"
        client = httpx.Client(transport=self.codat.transport(), headers={"Authorization": self.codat.credentials})
        answer = client.post(url, json=[generate_expense(transaction_id) for transaction_id in transaction_ids])
        sync_id: str = answer.raise_for_status().json()["syncId"]
        return sync_id

    def events(self) -> list[tuple[str, str]]:
        """Give type and sync of each webhook so far."""
        assert self.deliverer.wait(PATIENCE_SECONDS)
        events = [json.loads(webhook.content) for webhook in self.webhooks]
        return [
            (event["eventType"], event["payload"]["syncId"])
            if "eventType" in event
            else (event["RuleType"], event["Data"]["syncId"])
            for event in events
        ]


@pytest.fixture
def running() -> Iterator[Running]:
    """Give a simulator that sends its webhooks to a list."""
    webhooks: list[httpx.Request] = []

    def receive(request: httpx.Request) -> httpx.Response:
        webhooks.append(request)
        return httpx.Response(202)

    codat = SimulatedCodat("key", SECRET)
    with Deliverer(codat, workers=1, transport=httpx.MockTransport(receive)) as deliverer:
        codat.on_settled = deliverer.announce
        transport = httpx.MockTransport(ControlApi(codat, deliverer).handle)
        with SimulatorControl("http://simulator", transport=transport) as control:
            control.set_webhook_url("http://receiver/webhooks/codat")
            yield Running(codat, deliverer, control, webhooks)


def test_state_is_what_was_put_in(running: Running) -> None:
    """Companies and syncs come back whole, nulls and all."""
    company = running.control.add_company(NewCompany("Toft", target_platform="Sage"))
    items = (Item("t-1", None, None, None), Item(None))
    sync = running.control.add_sync(company_id=company.company_id, code=4000, items=items, sync_utc=None)
    state = running.control.state()
    assert (state.companies, state.syncs) == ((company,), (sync,))
    assert running.codat.sync(sync.sync_id) == sync
    assert (sync.items, sync.sync_utc, sync.sync_status) == (items, None, "NotStarted")


def test_sync_is_generated_and_changed(running: Running) -> None:
    """Rows can be had in any number, and a sync goes on to its next code."""
    company = running.control.add_company()
    sync = running.control.add_sync(company_id=company.company_id, code=1000, generate=30, sync_id="s-1")
    assert len(sync.items) == 30
    running.control.change_sync("s-1", code=2000, items=(Item("t-1"),))
    assert (running.codat.sync("s-1").code, running.codat.sync("s-1").items) == (2000, (Item("t-1"),))


def test_webhook_is_delivered_replayed_and_redelivered(running: Running) -> None:
    """Three orders are three webhooks, of which the replay has an id of its own."""
    sync = running.control.add_sync(company_id=running.control.add_company().company_id)
    first = running.control.send_webhook(NewWebhook(sync_id=sync.sync_id, headers="svix", generation="old"))
    replayed = running.control.replay(first)
    assert running.control.redeliver(first) == first
    assert running.deliverer.wait(PATIENCE_SECONDS)
    assert sorted(each.headers["svix-id"] for each in running.webhooks) == sorted([first, first, replayed])
    assert {each.webhook_id: len(each.attempts) for each in running.control.deliveries()} == {first: 2, replayed: 1}


def test_webhook_can_say_anything(running: Running) -> None:
    """What cannot be parsed can be sent, twice if need be, and signed with a secret that is not Codat's."""
    new = NewWebhook(body="not JSON", repeat=2, secrets=("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",))
    webhook_id = running.control.send_webhook(new)
    assert running.deliverer.wait(PATIENCE_SECONDS)
    assert [(each.content, each.headers["webhook-id"]) for each in running.webhooks] == [(b"not JSON", webhook_id)] * 2


def test_faults_quota_and_requests(running: Running) -> None:
    """Faults and quota are set from outside, and what was asked can be seen there."""
    running.control.add_fault(Fault("status", status=503, path="/companies"))
    running.control.set_remaining_quota(0)
    client = httpx.Client(transport=running.codat.transport())
    assert client.get("https://api.codat.io/companies/c-1").status_code == 503
    running.control.add_fault(Fault("status"))
    running.control.clear_faults()
    assert client.get("https://api.codat.io/companies/c-1").status_code == 401
    seen = running.control.requests()
    assert [entry.status for entry in seen.requests] == [503, 401]
    assert seen.max_in_flight == {"c-1": 1}
    assert running.codat.quota.remaining == 0
    running.control.clear_requests()
    assert running.control.requests().requests == ()


def test_deleted_company_is_gone(running: Running) -> None:
    """A company can be deleted from outside."""
    company = running.control.add_company()
    running.control.delete_company(company.company_id)
    assert running.control.state().companies == ()


def test_misspelt_order_is_refused(running: Running) -> None:
    """A field that does not exist is an error, not a default."""
    transport = httpx.MockTransport(ControlApi(running.codat, running.deliverer).handle)
    response = httpx.Client(transport=transport).post("http://simulator/_simulator/companies", json={"nmae": "x"})
    assert response.status_code == 400
    assert "nmae" in response.json()["error"]


def test_order_for_what_is_not_there_is_refused(running: Running) -> None:
    """Unknown syncs, webhooks and paths are errors that name them."""
    with pytest.raises(ControlError, match=r"404.*unknown"):
        running.control.change_sync("unknown", code=2000)
    with pytest.raises(ControlError, match=r"404.*unknown"):
        running.control.replay("unknown")
    with pytest.raises(ControlError, match=r"404.*unknown"):
        running.control.settle("unknown")
    with pytest.raises(ControlError, match=r"404.*unknown"):
        running.control.set_connection_status("unknown", "Linked")
    with pytest.raises(ControlError, match=r"400.*needs a sync"):
        running.control.send_webhook(NewWebhook())


# ---------------------------------------------------------------- what is written


def test_submission_is_shown_settled_and_found_in_the_books(running: Running) -> None:
    """From the request to the books, all can be seen and decided from outside."""
    company = running.control.add_company()
    sync_id = running.create(company, "t-1", "t-2")
    (submission,) = running.control.submissions()
    assert submission == running.codat.submissions[0]
    assert (submission.sync_id, submission.origin.kind) == (sync_id, "expense-transactions")
    assert running.control.books(company.company_id) == ()
    sync = running.control.settle(sync_id, Outcome({"t-1": Verdict("PushError", "Locked")}))
    assert (sync.code, [item.message for item in sync.items]) == (5130, ["Locked", None])
    (entry,) = running.control.books(company.company_id)
    assert (entry.transaction_id, entry.method, entry.sync_id) == ("t-2", "POST", sync_id)
    assert entry.body == submission.transactions[1].body


def test_settled_sync_sends_its_webhook(running: Running) -> None:
    """The right one: of success or failure, of today or of before, or none."""
    company = running.control.add_company()
    good, bad, old, lost = (running.create(company, f"t-{number}") for number in range(4))
    running.control.settle(good)
    running.control.settle(bad, Outcome(otherwise=Verdict("ValidationError", "No rate")))
    running.control.settle(old, Outcome(code=5000, webhook="old"))
    running.control.settle(lost, Outcome(webhook=None))
    assert running.events() == [
        ("expenses.sync.successful", good),
        ("expenses.sync.unsuccessful", bad),
        ("Sync Failed", old),
    ]


def test_without_a_webhook_url_a_settled_sync_sends_nothing(running: Running) -> None:
    """Codat sends webhooks only to registered consumers."""
    running.deliverer.url = None
    running.control.settle(running.create(running.control.add_company(), "t-1"))
    assert running.control.deliveries() == ()


def test_outcome_that_makes_no_sense_is_refused(running: Running) -> None:
    """Unknown ids and statuses are errors, as is a second end."""
    sync_id = running.create(running.control.add_company(), "t-1")
    with pytest.raises(ControlError, match=r"400.*no t-2"):
        running.control.settle(sync_id, Outcome({"t-2": Verdict()}))
    transport = httpx.MockTransport(ControlApi(running.codat, running.deliverer).handle)
    url = f"http://simulator/_simulator/syncs/{sync_id}/settle"
    wrong = httpx.Client(transport=transport).post(url, json={"otherwise": {"status": "Failed"}})
    assert wrong.status_code == 400
    running.control.settle(sync_id)
    with pytest.raises(ControlError, match=r"400.*settled already"):
        running.control.settle(sync_id)


def test_plan_settles_for_a_demo(running: Running) -> None:
    """Some fail once, some always, one company is out of reach; the rest is written."""
    company, gone = running.control.add_company(), running.control.add_company()
    running.control.set_connection_status(gone.company_id, "Deauthorized")
    plan = Settling(rules=(Rule("^once$", times=1), Rule("^never$", status="ValidationError", message="No rate")))
    running.control.set_settling(plan)
    assert running.codat.auto_settle == plan
    first, of_gone = running.create(company, "once", "never", "t-1"), running.create(gone, "t-1")
    running.codat.settle_due()
    second = running.create(company, "once", "never")
    running.codat.settle_due()
    assert [running.codat.sync(sync_id).code for sync_id in (first, of_gone, second)] == [5130, 4220, 5130]
    assert [entry.transaction_id for entry in running.control.books(company.company_id)] == ["t-1", "once"]
    assert running.control.books(gone.company_id) == ()
    assert running.events() == [("expenses.sync.unsuccessful", sync_id) for sync_id in (first, of_gone, second)]


def test_plan_can_be_taken_back(running: Running) -> None:
    """Then syncs stay in progress again."""
    running.control.set_settling(Settling(webhook="old"))
    running.control.stop_settling()
    sync_id = running.create(running.control.add_company(), "t-1")
    running.codat.settle_due()
    assert running.codat.sync(sync_id).code == 1000


def test_connection_status_is_set_from_outside(running: Running) -> None:
    """A company loses its connection and gets it back."""
    company = running.control.add_company()
    for status in ("Deauthorized", "Linked"):
        assert running.control.set_connection_status(company.company_id, status).connection_status == status
        assert running.control.state().companies[0].connection_status == status


def test_log_has_the_idempotency_key(running: Running) -> None:
    """A test can see which keys a client uses."""
    key = "0b8e1f5a-1c1f-4a7e-9b5e-3f2d6a7c8d90"
    httpx.Client(transport=running.codat.transport()).post(
        "https://api.codat.io/companies/c-1", headers={"Idempotency-Key": key}
    )
    assert [entry.idempotency_key for entry in running.control.requests().requests] == [key]


@pytest.mark.parametrize(
    ("event_types", "company_tags", "sent"),
    [
        ((), (), True),
        (("expenses.sync.successful",), ("region:uk", "region:us"), True),
        (("expenses.sync.unsuccessful",), (), False),
        ((), ("region:us",), False),
    ],
)
def test_filters_of_the_webhook_consumer_apply(
    running: Running, event_types: tuple[str, ...], company_tags: tuple[str, ...], *, sent: bool
) -> None:
    """No types mean every type; one matching tag of the company is enough."""
    running.control.set_webhook_url("http://receiver/hook", event_types=event_types, company_tags=company_tags)
    company = running.control.add_company(NewCompany(tags={"region": "uk"}))
    sync_id = running.create(company, "t-1")
    running.control.settle(sync_id)
    assert running.events() == ([("expenses.sync.successful", sync_id)] if sent else [])


def test_old_alerts_ignore_the_filters(running: Running) -> None:
    """They go by rules of their own."""
    running.control.set_webhook_url("http://receiver/hook", company_tags=("region:us",))
    sync_id = running.create(running.control.add_company(), "t-1")
    running.control.settle(sync_id, Outcome(webhook="old"))
    assert running.events() == [("Sync Completed", sync_id)]


def test_company_whose_software_updates_no_expenses(running: Running) -> None:
    """It can be added from outside, and an update gets a 422."""
    company = running.control.add_company(NewCompany(updates_expenses=False))
    path = f"https://api.codat.io/companies/{company.company_id}/sync/expenses/expense-transactions/t-1"
    headers = {"Authorization": running.codat.credentials}
    with httpx.Client(transport=running.codat.transport(), headers=headers) as client:
        assert client.put(path, json=generate_expense("t-1")).status_code == 422


def test_attachments_are_shown(running: Running) -> None:
    """Each with its transaction, name and size."""
    sync_id = running.create(company := running.control.add_company(), "t-1")
    running.control.settle(sync_id)
    path = f"/companies/{company.company_id}/sync/expenses/syncs/{sync_id}/transactions/t-1/attachments"
    headers = {"Authorization": running.codat.credentials}
    with httpx.Client(transport=running.codat.transport(), headers=headers) as client:
        client.post(f"https://api.codat.io{path}", files={"file": ("receipt.pdf", b"%PDF")})
    (attachment,) = running.control.attachments()
    assert (attachment.transaction_id, attachment.file_name, attachment.size) == ("t-1", "receipt.pdf", 4)
