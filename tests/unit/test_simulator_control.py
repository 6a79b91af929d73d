"""The simulator does over its control API what its client says."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import pytest

from tests.simulator.codat import SimulatedCodat
from tests.simulator.control import ControlError, SimulatorControl
from tests.simulator.control_api import ControlApi
from tests.simulator.control_messages import NewCompany, NewWebhook
from tests.simulator.delivery import Deliverer
from tests.simulator.faults import Fault
from tests.simulator.models import Item

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@dataclass
class Running:
    """A simulator, its client, and the webhooks that it sent."""

    codat: SimulatedCodat
    deliverer: Deliverer
    control: SimulatorControl
    webhooks: list[httpx.Request] = field(default_factory=list)


@pytest.fixture
def running() -> Iterator[Running]:
    """Give a simulator that sends its webhooks to a list."""
    webhooks: list[httpx.Request] = []

    def receive(request: httpx.Request) -> httpx.Response:
        webhooks.append(request)
        return httpx.Response(202)

    codat = SimulatedCodat("key", SECRET)
    with Deliverer(codat, workers=1, transport=httpx.MockTransport(receive)) as deliverer:
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
    assert running.deliverer.wait(5)
    assert sorted(each.headers["svix-id"] for each in running.webhooks) == sorted([first, first, replayed])
    assert {each.webhook_id: len(each.attempts) for each in running.control.deliveries()} == {first: 2, replayed: 1}


def test_webhook_can_say_anything(running: Running) -> None:
    """What cannot be parsed can be sent, twice if need be, and signed with a secret that is not Codat's."""
    new = NewWebhook(body="not JSON", repeat=2, secrets=("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",))
    webhook_id = running.control.send_webhook(new)
    assert running.deliverer.wait(5)
    assert [(each.content, each.headers["webhook-id"]) for each in running.webhooks] == [(b"not JSON", webhook_id)] * 2


def test_faults_quota_and_requests(running: Running) -> None:
    """Faults and quota are set from outside, and what was asked can be seen there."""
    running.control.add_fault(Fault("status", status=503, path="/companies"))
    running.control.leave_quota(0)
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
    with pytest.raises(ControlError, match=r"400.*needs a sync"):
        running.control.send_webhook(NewWebhook())
