"""Simulated Codat misbehaves to order, and only then."""

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Literal

import httpx
import pytest

from dev.codat_simulator.books.models import Sync
from dev.codat_simulator.books.sample_data import generate_expense, generate_items
from dev.codat_simulator.faults import Fault, Kind
from dev.codat_simulator.simulator import SimulatedCodat
from dev.waiting import PATIENCE_SECONDS

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
KEY = "0b8e1f5a-1c1f-4a7e-9b5e-3f2d6a7c8d90"


class Sleep:
    """Takes no time, but notes how much it was to take."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def __call__(self, seconds: float) -> None:
        """Note it."""
        self.slept.append(seconds)


@pytest.fixture
def sleep() -> Sleep:
    """Give what notes the latency."""
    return Sleep()


@pytest.fixture
def codat(sleep: Sleep) -> SimulatedCodat:
    """Give a Codat that wastes no time."""
    return SimulatedCodat("key", SECRET, sleep=sleep)


@pytest.fixture
def sync(codat: SimulatedCodat) -> Sync:
    """Give a sync of ten rows."""
    return codat.add_sync(codat.add_company(), items=generate_items(10))


def get(codat: SimulatedCodat, sync: Sync, what: str = "transactions") -> httpx.Response:
    """Ask for a part of a sync."""
    url = f"https://api.codat.io/companies/{sync.company_id}/sync/expenses/syncs/{sync.sync_id}/{what}"
    return httpx.Client(transport=codat.transport()).get(url, headers={"Authorization": codat.credentials})


def create(codat: SimulatedCodat, sync: Sync, timeout: float = 5.0) -> httpx.Response:
    """Create a transaction, always with the same key."""
    return httpx.Client(transport=codat.transport(), timeout=timeout).post(
        f"https://api.codat.io/companies/{sync.company_id}/sync/expenses/expense-transactions",
        headers={"Authorization": codat.credentials, "Idempotency-Key": KEY},
        content=json.dumps([generate_expense("t-1")]).encode(),
    )


def test_fault_hits_so_many_requests_and_no_more(codat: SimulatedCodat, sync: Sync) -> None:
    """Two failures ordered are two failures."""
    codat.faults.add(Fault("status", times=2, status=503))
    assert [get(codat, sync).status_code for _ in range(3)] == [503, 503, 200]


def test_fault_hits_only_what_it_is_for(codat: SimulatedCodat, sync: Sync) -> None:
    """A fault can be for a path, a company or a sync; others pass."""
    other = codat.add_sync(codat.company(sync.company_id))
    codat.faults.add(Fault("status", path=r"/status$"))
    codat.faults.add(Fault("status", status=502, sync_id=other.sync_id))
    codat.faults.add(Fault("status", status=504, company_id="another"))
    assert get(codat, sync).status_code == 200
    assert get(codat, other).status_code == 502
    assert get(codat, sync, "status").status_code == 500
    assert get(codat, sync, "status").status_code == 200


def test_error_is_in_codats_shape(codat: SimulatedCodat, sync: Sync) -> None:
    """A 429 to order says when to come back, and is no different from a real one."""
    codat.faults.add(Fault("status", status=429, retry_after="7"))
    response = get(codat, sync)
    assert (response.headers["Retry-After"], response.json()["canBeRetried"]) == ("7", "True")
    assert "X-Rate-Limit-Limit" in response.headers


@pytest.mark.parametrize(("kind", "error"), [("disconnect", httpx.RemoteProtocolError), ("reset", httpx.ReadError)])
def test_dropped_connection(codat: SimulatedCodat, sync: Sync, kind: Kind, error: type[Exception]) -> None:
    """A dropped connection is the error that httpx makes of one; the log has the request without a status."""
    codat.faults.add(Fault(kind))
    with pytest.raises(error):
        get(codat, sync)
    assert [entry.status for entry in codat.requests.entries] == [None]


def test_late_answer_is_right(codat: SimulatedCodat, sync: Sync, sleep: Sleep) -> None:
    """Latency changes nothing but the time; another fault can be late, too."""
    codat.faults.add(Fault("latency", seconds=3))
    codat.faults.add(Fault("status", seconds=2))
    assert [get(codat, sync).status_code for _ in range(2)] == [200, 500]
    assert sleep.slept == [3, 2]


@pytest.mark.parametrize("kind", ["cut", "maintenance"])
def test_a_response_that_is_not_json(codat: SimulatedCodat, sync: Sync, kind: Literal["cut", "maintenance"]) -> None:
    """It comes with a 200 nevertheless."""
    codat.faults.add(Fault(kind))
    response = get(codat, sync)
    assert response.status_code == 200
    with pytest.raises(ValueError, match=r"Unterminated|Expecting|delimiter"):
        response.json()


def test_wrong_shape_is_json_all_the_same(codat: SimulatedCodat, sync: Sync) -> None:
    """A list comes where an object should."""
    codat.faults.add(Fault("wrong_shape"))
    assert isinstance(get(codat, sync, "status").json(), list)


def test_pages_that_lie(codat: SimulatedCodat, sync: Sync) -> None:
    """Rows are missing from a page that counts them, or the count is wrong."""
    codat.faults.add(Fault("truncated"))
    codat.faults.add(Fault("wrong_total", total=3))
    truncated, miscounted = get(codat, sync).json(), get(codat, sync).json()
    assert (len(truncated["results"]), truncated["totalResults"]) == (5, 10)
    assert (len(miscounted["results"]), miscounted["totalResults"]) == (10, 3)


def test_cleared_faults_are_gone(codat: SimulatedCodat, sync: Sync) -> None:
    """After a clear, Codat behaves."""
    codat.faults.add(Fault("status", times=100))
    codat.faults.clear()
    assert get(codat, sync).status_code == 200


def test_path_that_is_no_regular_expression_is_refused() -> None:
    """The mistake shows where it was made."""
    with pytest.raises(ValueError, match="path"):
        Fault("status", path="(")


def test_concurrency_is_measured_by_company() -> None:
    """Requests that are in flight at once are counted, those of another company apart."""
    together = Barrier(3)

    def meet(_: float) -> None:
        together.wait(timeout=PATIENCE_SECONDS)

    codat = SimulatedCodat("key", SECRET, sleep=meet)
    one, other = (codat.add_sync(codat.add_company()) for _ in range(2))
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda sync: get(codat, sync), [one, one, other]))
    assert codat.requests.max_in_flight(one.company_id) == 2
    assert codat.requests.max_in_flight(other.company_id) == 1


# ---------------------------------------------------------------- before the effect, or after it


@pytest.mark.parametrize("kind", ["disconnect", "reset", "status"])
def test_request_that_came_to_nothing_started_nothing(codat: SimulatedCodat, sync: Sync, kind: Kind) -> None:
    """A fault without more is one before the effect."""
    codat.faults.add(Fault(kind))
    try:
        assert create(codat, sync).status_code == 500
    except httpx.TransportError:
        assert kind != "status"
    assert codat.submissions == ()


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("disconnect_after", httpx.RemoteProtocolError),
        ("reset_after", httpx.ReadError),
        ("latency_after", httpx.ReadTimeout),
    ],
)
def test_request_without_an_answer_took_effect(
    codat: SimulatedCodat, sync: Sync, kind: Kind, error: type[Exception]
) -> None:
    """The client cannot know; with the same key it gets the answer that was lost."""
    codat.faults.add(Fault(kind, seconds=10))
    with pytest.raises(error):
        create(codat, sync)
    (submission,) = codat.submissions
    assert create(codat, sync).json() == {"syncId": submission.sync_id}
    assert len(codat.submissions) == 1
    assert [entry.status for entry in codat.requests.entries] == [None, 200]


@pytest.mark.parametrize("status", [500, 503])
def test_request_that_was_answered_with_a_failure_took_effect(codat: SimulatedCodat, sync: Sync, status: int) -> None:
    """Codat stores the failure under the key: the client never learns of the sync from it."""
    codat.faults.add(Fault("status_after", status=status))
    assert [create(codat, sync).status_code for _ in range(2)] == [status, status]
    assert len(codat.submissions) == 1


def test_late_answer_is_in_time_for_who_waits(codat: SimulatedCodat, sync: Sync, sleep: Sleep) -> None:
    """Only the client's patience makes a time-out of it."""
    codat.faults.add(Fault("latency_after", seconds=10))
    assert create(codat, sync, timeout=11).status_code == 200
    assert [seconds for seconds in sleep.slept if seconds] == [10]


def test_refused_request_is_late_as_well(codat: SimulatedCodat, sync: Sync, sleep: Sleep) -> None:
    """What comes after, comes after a refusal too."""
    codat.delete_company(sync.company_id)
    codat.faults.add(Fault("latency_after", seconds=4))
    assert create(codat, sync).status_code == 404
    assert [seconds for seconds in sleep.slept if seconds] == [4]


@pytest.mark.parametrize(("kind", "status", "made"), [("unlink", 200, 1), ("unlink_status", 400, 0)])
def test_a_connection_can_be_lost_during_a_request(
    codat: SimulatedCodat, sync: Sync, kind: Kind, status: int, made: int
) -> None:
    """Codat takes it, and its sync fails; or refuses it."""
    codat.faults.add(Fault(kind, status=400))
    assert create(codat, sync).status_code == status
    assert codat.company(sync.company_id).connection_status == "Deauthorized"
    assert [codat.settle(each.sync_id).code for each in codat.submissions] == [4220] * made


@pytest.mark.parametrize("kind", ["status", "status_after"])
def test_fault_hits_a_known_key_too(codat: SimulatedCodat, sync: Sync, kind: Kind) -> None:
    """It is not Codat's memory that decides on who gets a fault; the memory stays."""
    first = create(codat, sync).json()
    codat.faults.add(Fault(kind, status=503))
    assert create(codat, sync).status_code == 503
    codat.faults.add(Fault("disconnect"))
    with pytest.raises(httpx.RemoteProtocolError):
        create(codat, sync)
    assert create(codat, sync).json() == first


def test_spoilt_answer_took_effect(codat: SimulatedCodat, sync: Sync) -> None:
    """Half of the JSON is half of an answer to something that was done."""
    codat.faults.add(Fault("cut"))
    with pytest.raises(ValueError, match=r"Unterminated|Expecting|delimiter"):
        create(codat, sync).json()
    assert create(codat, sync).json() == {"syncId": codat.submissions[0].sync_id}


def test_reads_have_these_faults_as_well(codat: SimulatedCodat, sync: Sync) -> None:
    """For them it makes no difference."""
    codat.faults.add(Fault("status_after", status=502))
    codat.faults.add(Fault("disconnect_after"))
    assert get(codat, sync).status_code == 502
    with pytest.raises(httpx.RemoteProtocolError):
        get(codat, sync)
