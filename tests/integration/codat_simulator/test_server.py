"""Simulated Codat over HTTP: the same answers, and connections that really break."""

import base64
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import httpx
import pytest

from dev.codat_simulator.books.models import Sync
from dev.codat_simulator.books.sample_data import generate_expense, generate_items
from dev.codat_simulator.books.settling import Settling
from dev.codat_simulator.control.client import SimulatorControl
from dev.codat_simulator.control.messages import NewWebhook
from dev.codat_simulator.faults import Fault, Kind
from dev.codat_simulator.server import RunningSimulator, serve
from dev.codat_simulator.simulator import SimulatedCodat
from dev.codat_simulator.webhooks.events import Generation
from dev.waiting import PATIENCE_SECONDS

KEY = "key"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
AUTHORIZED = {"Authorization": "Basic " + base64.b64encode(KEY.encode()).decode()}


@pytest.fixture
def simulator() -> Iterator[RunningSimulator]:
    """Serve a Codat."""
    with serve(SimulatedCodat(KEY, SECRET)) as running:
        yield running


@pytest.fixture
def client(simulator: RunningSimulator) -> Iterator[httpx.Client]:
    """Give a client with the right key."""
    with httpx.Client(base_url=simulator.url, headers=AUTHORIZED, trust_env=False, timeout=PATIENCE_SECONDS) as opened:
        yield opened


def test_both_doors_answer_alike(simulator: RunningSimulator, client: httpx.Client) -> None:
    """Over HTTP comes what comes in process."""
    codat = simulator.codat
    sync = codat.add_sync(codat.add_company(), items=generate_items(150))
    path = f"/companies/{sync.company_id}/sync/expenses/syncs/{sync.sync_id}/transactions?page=2&pageSize=100"
    inside = httpx.Client(base_url=simulator.url, headers=AUTHORIZED, transport=codat.transport())
    assert client.get(path).json() == inside.get(path).json()
    assert client.get("/nothing").status_code == 404


def test_connection_is_kept(simulator: RunningSimulator, client: httpx.Client) -> None:
    """Many requests go over one connection, also after an error."""
    streams = set()
    for path in ("/companies", "/nothing", "/companies"):
        with client.stream("GET", path) as response:
            streams.add(response.extensions["network_stream"].get_extra_info("client_addr"))
            response.read()
    assert len(streams) == 1
    assert len(simulator.codat.requests.entries) == 3


@pytest.mark.parametrize(("kind", "error"), [("disconnect", httpx.RemoteProtocolError), ("reset", httpx.ReadError)])
def test_connection_really_breaks(
    simulator: RunningSimulator, client: httpx.Client, kind: Kind, error: type[Exception]
) -> None:
    """A dropped connection is the same error as in process, and the next request goes through."""
    simulator.codat.faults.add(Fault(kind))
    with pytest.raises(error):
        client.get("/companies")
    assert client.get("/companies").status_code == 200


def test_many_at_once(simulator: RunningSimulator, client: httpx.Client) -> None:
    """Requests are answered side by side, and none is lost."""
    company = simulator.codat.add_company()
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: client.get(f"/companies/{company.company_id}").status_code, range(200)))
    assert answers == [200] * 200
    assert len(simulator.codat.requests.entries) == 200
    assert simulator.codat.requests.max_in_flight(company.company_id) <= 16


def test_control_and_delivery_over_http(simulator: RunningSimulator) -> None:
    """The client builds up a state and has a webhook delivered; here to simulated Codat itself, which refuses it."""
    with SimulatorControl(simulator.url) as control:
        company = control.add_company()
        sync = control.add_sync(company_id=company.company_id, generate=2000)
        control.set_webhook_url(f"{simulator.url}/webhooks")
        webhook_id = control.send_webhook(NewWebhook(sync_id=sync.sync_id, generation="old"))
        assert simulator.deliverer.wait(PATIENCE_SECONDS)
        (delivery,) = control.deliveries()
        assert (delivery.webhook_id, [attempt.status for attempt in delivery.attempts]) == (webhook_id, [401])
        assert control.state().syncs == (sync,)


def test_what_is_written_arrives_to_the_letter(simulator: RunningSimulator, client: httpx.Client) -> None:
    """Over HTTP as in process: the bytes that were sent are those in the books."""
    company = simulator.codat.add_company()
    body = json.dumps(generate_expense("t-1", notes="Bäckerei", rate=1.10), ensure_ascii=False, indent=2)
    path = f"/companies/{company.company_id}/sync/expenses/expense-transactions"
    answer = client.post(path, content=f"[\n{body} ]".encode())
    with SimulatorControl(simulator.url) as control:
        control.settle(answer.json()["syncId"])
        assert [entry.body for entry in control.books(company.company_id)] == [body]
        assert [entry.body for submission in control.submissions() for entry in submission.transactions] == [body]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault("disconnect_after"), httpx.RemoteProtocolError),
        (Fault("reset_after"), httpx.ReadError),
    ],
)
def test_answer_is_really_lost(
    simulator: RunningSimulator, client: httpx.Client, fault: Fault, error: type[Exception]
) -> None:
    """The client has the same error as in process, and the sync is there."""
    company = simulator.codat.add_company()
    simulator.codat.faults.add(fault)
    path = f"/companies/{company.company_id}/sync/expenses/expense-transactions"
    with pytest.raises(error):
        client.post(path, json=[generate_expense("t-1")])
    assert len(simulator.codat.submissions) == 1


def test_answer_really_comes_too_late() -> None:
    """The client has given up by then, and the sync is there."""
    written, given_up = Event(), Event()

    def sleep(seconds: float) -> None:
        if seconds:
            written.set()
            assert given_up.wait(PATIENCE_SECONDS)

    with serve(SimulatedCodat(KEY, SECRET, sleep=sleep)) as simulator:
        codat = simulator.codat
        path = f"/companies/{codat.add_company().company_id}/sync/expenses/expense-transactions"
        codat.faults.add(Fault("latency_after", seconds=60))
        patience = httpx.Timeout(PATIENCE_SECONDS, read=0.2)
        with httpx.Client(base_url=simulator.url, headers=AUTHORIZED, trust_env=False, timeout=patience) as client:
            with pytest.raises(httpx.ReadTimeout):
                client.post(path, json=[generate_expense("t-1")])
            assert written.wait(PATIENCE_SECONDS)
            assert len(codat.submissions) == 1
            given_up.set()


def test_syncs_end_without_being_requested(simulator: RunningSimulator, client: httpx.Client) -> None:
    """By a plan, in the background, and the webhook goes out."""
    company = simulator.codat.add_company()
    settled, notify = Event(), simulator.codat.on_settled

    def listen(sync: Sync, generation: Generation) -> None:
        notify(sync, generation)
        settled.set()

    simulator.codat.on_settled = listen
    with SimulatorControl(simulator.url) as control:
        control.set_webhook_url(f"{simulator.url}/webhooks")
        control.set_settling(Settling(after_seconds=0.05))
        path = f"/companies/{company.company_id}/sync/expenses/expense-transactions"
        sync_id = client.post(path, json=[generate_expense("t-1")]).json()["syncId"]
        assert settled.wait(PATIENCE_SECONDS)
        assert simulator.codat.sync(sync_id).code == 2000
        assert len(control.books(company.company_id)) == len(control.deliveries()) == 1


def test_many_write_at_once(simulator: RunningSimulator, client: httpx.Client) -> None:
    """With one key, one of many becomes a sync; without, each does."""
    company = simulator.codat.add_company()
    path = f"/companies/{company.company_id}/sync/expenses/expense-transactions"
    key = {"Idempotency-Key": "0b8e1f5a-1c1f-4a7e-9b5e-3f2d6a7c8d90"}

    def create(headers: dict[str, str]) -> int:
        return client.post(path, json=[generate_expense("t-1")], headers=headers).status_code

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(create, [key] * 50)) <= {200, 409}
        assert len(simulator.codat.submissions) == 1
        assert set(pool.map(create, [{}] * 50)) == {200}
    assert sorted(each.transactions[0].attempt for each in simulator.codat.submissions) == list(range(1, 52))


def test_stops_though_a_client_keeps_its_connection_open() -> None:
    """The end of the block ends every thread; an idle client does not hold it up."""
    with httpx.Client(headers=AUTHORIZED, timeout=PATIENCE_SECONDS, trust_env=False) as client:
        with serve(SimulatedCodat(KEY, SECRET)) as simulator:
            assert client.get(f"{simulator.url}/companies").status_code == 200
        with pytest.raises(httpx.TransportError):
            client.get(f"{simulator.url}/companies")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_runs_until_it_is_terminated(number: signal.Signals) -> None:
    """The command prints one line of JSON once it answers, and ends well on a signal."""
    command = [sys.executable, "-m", "dev.codat_simulator", "--api-key", KEY, "--signing-secret", SECRET]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        answer = httpx.get(f"{url}/companies", headers=AUTHORIZED, timeout=PATIENCE_SECONDS, trust_env=False)
        assert answer.json()["results"] == []
        process.send_signal(number)
        assert process.stdout.read() == ""
        assert process.wait(timeout=PATIENCE_SECONDS) == 0
