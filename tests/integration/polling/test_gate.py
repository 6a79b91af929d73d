"""Defer syncs while the gate to Codat is closed."""

from datetime import UTC, datetime, timedelta

import pytest

from codat_sync.polling.schedule import CheckFailure
from codat_sync.syncs.repository import SyncRepository
from codat_sync.syncs.status_codes import Outcome
from dev.codat_simulator.faults import Fault
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID, SYNC_ID, load
from tests.integration.polling.ingestion_worker import load_waiting, received_checks
from tests.support.aws import API_KEY, Aws
from tests.support.handlers import StartFunction
from tests.support.sqs_batches import batch, failed, message, of

_REACHED, _RESET = "client.rateLimit.reached", "client.rateLimit.reset"


@pytest.mark.usefixtures("soon")
def test_exhausted_quota_prevents_calls_until_it_resets(
    start: StartFunction, aws: Aws, store: SyncRepository, simulated: SimulatedCodat
) -> None:
    """Messages wait in the table, not in the queue, whatever time Codat named."""
    company = simulated.company(COMPANY_ID)
    syncs = [simulated.add_sync(company) for _ in range(4)]
    worker, clock = start("worker"), start("clock")
    simulated.quota.leave(0)
    assert failed(worker(batch(of(simulated, syncs[0], "msg_0")))) == []
    assert [entry.status for entry in simulated.requests.entries] == [429]
    rest = [of(simulated, sync, f"msg_{n}") for n, sync in enumerate(syncs[1:], start=1)]
    assert failed(worker(batch(*rest))) == []
    assert failed(start("worker")(batch(*rest))) == []  # another process, and each event came twice
    assert clock({}) == {"enqueued": 0, "gate": "quota"}
    assert len(simulated.requests.entries) == 1

    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    dues = [load_waiting(store, sync.sync_id).due_at for sync in syncs]
    assert all(due and midnight <= due <= midnight + timedelta(minutes=10) for due in dues)
    assert len(set(dues)) == len(dues)
    outcomes = {document.outcome for sync in syncs if (document := store.load_sync(sync.sync_id))}
    assert outcomes == {Outcome.ANNOUNCED}

    simulated.quota.leave(1000)
    worker(batch(message(simulated.event(event_type=_RESET), "msg_reset")))
    assert start("clock")({}) == {"enqueued": 4, "gate": None}
    assert failed(worker(batch(*received_checks(aws)))) == []
    for number, sync in enumerate(syncs):
        document = store.load_sync(sync.sync_id)
        assert document
        assert (document.outcome, document.pending_check) == (Outcome.SUCCEEDED, None)
        assert store.load_processed_event_ids(sync.sync_id) == [f"msg_{number}"]


def test_a_quota_event_closes_the_gate(start: StartFunction, simulated: SimulatedCodat) -> None:
    """An event of either webhook generation closes it before Codat is called even once."""
    worker = start("worker")
    reached = [simulated.event(event_type=_REACHED), simulated.event(generation="old", event_type="Rate Limit Reached")]
    for event in reached:
        worker(batch(message(event, "msg_reached")))
        worker(batch(of(simulated, simulated.sync(SYNC_ID))))
        assert simulated.requests.entries == ()
        worker(batch(message(simulated.event(event_type=_RESET), "msg_reset")))


def test_an_outdated_reset_does_not_open_the_gate(start: StartFunction, simulated: SimulatedCodat) -> None:
    """The event was delivered hours late."""
    worker = start("worker")
    late = simulated.event(event_type=_RESET, overrides={"generatedDate": "2026-11-20T00:00:01Z"})
    worker(batch(message(simulated.event(event_type=_REACHED), "msg_reached")))
    worker(batch(message(late, "msg_reset")))
    assert start("clock")({})["gate"] == "quota"


def test_the_last_of_the_quota_is_reserved_for_operators(
    start: StartFunction, store: SyncRepository, simulated: SimulatedCodat
) -> None:
    """A twentieth of the day's."""
    simulated.quota.leave(101)
    worker = start("worker")
    worker(batch(of(simulated, simulated.sync(SYNC_ID), "msg_1")))
    assert failed(worker(batch(of(simulated, simulated.sync(SYNC_ID), "msg_2")))) == []
    assert load_waiting(store).check_failure is CheckFailure.GATE_CLOSED
    assert start("clock")({})["gate"] == "reserve"
    assert simulated.quota.remaining >= 99


@pytest.mark.parametrize("status", [401, 402, 403])
def test_a_rejection_by_codat_is_counted_and_not_repeated(
    start: StartFunction,
    store: SyncRepository,
    simulated: SimulatedCodat,
    capsys: pytest.CaptureFixture[str],
    status: int,
) -> None:
    """An operator has to fix it; until then syncs are deferred in the table."""
    simulated.faults.add(Fault("status", times=99, status=status))
    worker = start("worker")
    other = simulated.add_sync(simulated.company(COMPANY_ID))
    assert failed(worker(batch(of(simulated, simulated.sync(SYNC_ID), "msg_1")))) == []
    assert failed(worker(batch(of(simulated, other, "msg_2")))) == []
    assert len(simulated.requests.entries) == 1
    # What was refused waits for its own time: if it is refused alone, it does not keep the gate closed for all.
    assert load_waiting(store).check_failure is CheckFailure.REFUSED
    assert load_waiting(store, other.sync_id).check_failure is CheckFailure.GATE_CLOSED
    log = capsys.readouterr().out
    assert f'"status":"{status}","service":"worker","CodatCalls":[1.0]' in log
    assert start("clock")({})["gate"] == "refused"
    assert '"reason":"refused","service":"clock","GateClosedBy":[1.0]' in capsys.readouterr().out


@pytest.mark.usefixtures("soon")
def test_syncs_are_deferred_until_the_api_key_is_set(
    start: StartFunction, aws: Aws, store: SyncRepository, simulated: SimulatedCodat
) -> None:
    """The secret is created empty: nothing is lost if setting it is forgotten."""
    aws.put_secret("CODAT_SECRET", {"apiKey": ""})
    worker, clock = start("worker"), start("clock")
    assert failed(worker(load("worker", "sync-successful"))) == []
    assert load_waiting(store).check_failure is CheckFailure.NO_API_KEY
    assert simulated.requests.entries == ()
    aws.put_secret("CODAT_SECRET", {"apiKey": API_KEY})
    clock({})
    worker(batch(*received_checks(aws)))
    document = store.load_sync(SYNC_ID)
    assert document
    assert (document.outcome, document.pending_check) == (Outcome.FAILED, None)
