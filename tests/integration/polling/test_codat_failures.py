"""Redeliver and then defer what Codat fails to answer."""

from typing import Any

import pytest

from codat_sync.ingestion.sync_ingestion import MAX_RECEIVES
from codat_sync.polling.schedule import CheckFailure
from codat_sync.syncs.repository import SyncRepository
from codat_sync.syncs.status_codes import Outcome
from dev.codat_simulator.faults import Fault
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID, SYNC_ID
from tests.integration.polling.ingestion_worker import load_waiting
from tests.support.handlers import StartFunction
from tests.support.sqs_batches import batch, failed, of


def _received(messages: Any, receive_count: int) -> Any:  # noqa: ANN401 - what SQS hands over
    attributes = messages["Records"][0]["attributes"] | {"ApproximateReceiveCount": str(receive_count)}
    return {"Records": [record | {"attributes": attributes} for record in messages["Records"]]}


def test_codats_failures_are_redelivered_first_and_deferred_later(
    start: StartFunction, store: SyncRepository, simulated: SimulatedCodat
) -> None:
    """An outage may last longer than a queue hands a message out; none ends as a dead letter for that."""
    simulated.faults.add(Fault("status", times=99, status=503))
    messages = batch(of(simulated, simulated.sync(SYNC_ID)))
    worker = start("worker")
    for receive_count in range(1, MAX_RECEIVES):
        assert failed(worker(_received(messages, receive_count))) == ["message-0"]
        assert (load_waiting(store).check_failure, load_waiting(store).due_at) == (CheckFailure.UNAVAILABLE, None)
    assert failed(worker(_received(messages, MAX_RECEIVES))) == []
    assert load_waiting(store).due_at


def test_a_slow_answer_fails_alone(
    start: StartFunction, store: SyncRepository, simulated: SimulatedCodat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others of its batch are done with, in the time that the function has."""
    monkeypatch.setattr("codat_sync.codat.http.MAX_CALL_SECONDS", 5)
    company = simulated.company(COMPANY_ID)
    good, slow = (simulated.add_sync(company) for _ in range(2))
    simulated.faults.add(Fault("latency", seconds=3.0, sync_id=slow.sync_id))
    messages = batch(of(simulated, slow, "msg_1"), of(simulated, good, "msg_2"))
    assert failed(start("worker")(messages | {"remaining_ms": 7_000})) == ["message-0"]
    document = store.load_sync(good.sync_id)
    assert document
    assert document.outcome is Outcome.SUCCEEDED
