"""Simulated Codat keeps its first answer to an Idempotency-Key, for better or worse."""

import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest

from dev.codat_simulator.books.sample_data import generate_expense
from dev.codat_simulator.faults import Fault
from dev.codat_simulator.simulator import SimulatedCodat

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
KEY = "0b8e1f5a-1c1f-4a7e-9b5e-3f2d6a7c8d90"
GOOD = [generate_expense("t-1")]
WRONG = [generate_expense("t-1", type="Gift")]


class Client:
    """A client of one company's, and the Codat that it asks."""

    def __init__(self) -> None:
        self.time = datetime(2026, 3, 1, 20, 0, tzinfo=UTC)
        self.during_latency: list[httpx.Response] = []
        self.codat = SimulatedCodat("key", SECRET, now=lambda: self.time, sleep=self._sleep)
        self.company = self.codat.add_company()

    def post(self, body: object = GOOD, key: str | None = KEY, path: str = "expense-transactions") -> httpx.Response:
        return self.send("POST", body, key, path)

    def send(self, method: str, body: object, key: str | None, path: str) -> httpx.Response:
        headers = {"Authorization": self.codat.credentials} | ({} if key is None else {"Idempotency-Key": key})
        return httpx.Client(transport=self.codat.transport(), headers=headers).request(
            method,
            f"https://api.codat.io/companies/{self.company.company_id}/sync/expenses/{path}",
            content=json.dumps(body).encode(),
        )

    def _sleep(self, seconds: float) -> None:
        if seconds:
            self.during_latency.append(self.post())


@pytest.fixture
def client() -> Client:
    """Give a client."""
    return Client()


def test_same_key_gets_the_first_answer_again(client: Client) -> None:
    """One sync, however often it is asked for; the quota goes down all the same."""
    first, second = client.post(), client.post(key=KEY.upper())
    assert (second.status_code, second.content) == (first.status_code, first.content)
    assert len(client.codat.syncs) == 1
    assert client.codat.quota.remaining == 1998
    assert [entry.idempotency_key for entry in client.codat.requests.entries] == [KEY, KEY.upper()]


def test_other_keys_and_no_key_are_new_requests(client: Client) -> None:
    """Only the key protects."""
    for key in (KEY, str(uuid4()), None, None):
        assert client.post(key=key).status_code == 200
    assert len(client.codat.syncs) == 4
    assert [each.origin.idempotency_key for each in client.codat.submissions][::2] == [KEY, None]


def test_answer_is_kept_for_90_minutes(client: Client) -> None:
    """After that the same key is a new one: it protects a client that is quick enough."""
    first = client.post().json()
    client.time += timedelta(minutes=89, seconds=59)
    assert client.post().json() == first
    client.time += timedelta(seconds=1)
    assert client.post().json() != first
    assert len(client.codat.syncs) == 2


def test_refusal_is_kept(client: Client) -> None:
    """A 400 is replayed although nothing was written."""
    first = client.post(WRONG)
    assert first.status_code == 400
    assert client.post(WRONG).json() == first.json()


def test_refusal_stays_though_its_reason_is_gone(client: Client) -> None:
    """After a 404, a new try needs a new key."""
    company = client.company
    client.codat.delete_company(company.company_id)
    assert client.post().status_code == 404
    client.codat.add_company(company_id=company.company_id)
    assert client.post().status_code == 404
    assert client.post(key=str(uuid4())).status_code == 200


@pytest.mark.parametrize("status", [500, 503])
def test_failure_of_codats_is_kept(client: Client, status: int) -> None:
    """After a 5xx, a new try needs a new key."""
    client.codat.faults.add(Fault("status", status=status))
    assert [client.post().status_code for _ in range(2)] == [status, status]
    assert client.codat.syncs == ()
    assert client.post(key=str(uuid4())).status_code == 200


def test_429_is_not_kept(client: Client) -> None:
    """After a 429 the same key may be used, whether it was ordered or the quota's."""
    client.codat.faults.add(Fault("status", status=429))
    assert client.post().status_code == 429
    client.codat.quota.leave(0)
    assert client.post().status_code == 429
    client.codat.quota.leave(10)
    assert client.post().status_code == 200


def test_request_that_never_arrived_leaves_no_key(client: Client) -> None:
    """A connection that broke before the effect is as if nothing had been asked."""
    client.codat.faults.add(Fault("disconnect"))
    with pytest.raises(httpx.RemoteProtocolError):
        client.post()
    assert client.post().status_code == 200


def test_same_key_with_another_request_is_refused(client: Client) -> None:
    """A 422 for another body or another endpoint; the first answer stays."""
    first = client.post().json()
    for other in (client.post([generate_expense("t-2")]), client.post(path="adjustment-transactions")):
        assert (other.status_code, other.json()["canBeRetried"]) == (422, "False")
    assert client.post().json() == first
    assert len(client.codat.syncs) == 1


def test_same_key_while_the_first_request_is_running_is_refused(client: Client) -> None:
    """A 409 until there is an answer, then that answer."""
    client.codat.faults.add(Fault("latency_after", seconds=5))
    first = client.post()
    assert [answer.status_code for answer in client.during_latency] == [409]
    assert client.during_latency[0].json()["canBeRetried"] == "True"
    assert client.post().json() == first.json()
    assert len(client.codat.syncs) == 1


@pytest.mark.parametrize("key", ["", "1", "t-1", f"{KEY}0", "0b8e1f5a1c1f4a7e9b5e3f2d6a7c8d90"])
def test_key_that_is_no_guid_is_refused(client: Client, key: str) -> None:
    """A 400 that names the header."""
    answer = client.post(key=key)
    assert answer.status_code == 400
    assert answer.json()["validation"]["errors"][0]["itemId"] == "Idempotency-Key"
    assert client.codat.syncs == ()


def test_key_means_nothing_on_a_put(client: Client) -> None:
    """Each update is one, with the same key, another body, or a key that is none."""
    for key in (KEY, KEY, "none"):
        assert client.send("PUT", GOOD[0], key, "expense-transactions/t-1").status_code == 202
    assert len(client.codat.syncs) == 3
    assert client.post().status_code == 200
