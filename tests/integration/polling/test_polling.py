"""Poll a sync in progress until it ends, through the real handlers."""

import pytest

from codat_sync.syncs.repository import SyncRepository
from codat_sync.syncs.status_codes import Outcome
from dev.codat_simulator.books.models import Item
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import SYNC_ID
from tests.integration.polling.ingestion_worker import count_sync_requests, load_waiting, received_checks
from tests.support.aws import Aws
from tests.support.handlers import StartFunction
from tests.support.sqs_batches import batch, failed, of


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("items", [(), (Item("t", "Pending"),)])
def test_a_sync_in_progress_is_polled_until_it_ends(
    start: StartFunction, aws: Aws, store: SyncRepository, simulated: SimulatedCodat, items: tuple[Item, ...]
) -> None:
    """No webhook announces its end; a final code with a pending item is not the end."""
    simulated.change_sync(SYNC_ID, code=2000 if items else 1000, items=items)
    worker, clock = start("worker"), start("clock")
    worker(batch(of(simulated, simulated.sync(SYNC_ID))))
    for attempts in range(3):
        assert load_waiting(store).attempts == attempts
        assert clock({})["enqueued"] == 1
        assert failed(worker(batch(*received_checks(aws)))) == []
    simulated.change_sync(SYNC_ID, code=2000, items=(Item("t"),))
    clock({})
    worker(batch(*received_checks(aws)))
    document = store.load_sync(SYNC_ID)
    assert document
    assert (document.outcome, document.pending_check) == (Outcome.SUCCEEDED, None)
    assert clock({})["enqueued"] == 0


@pytest.mark.usefixtures("soon")
def test_a_webhook_makes_a_pending_check_obsolete(
    start: StartFunction, aws: Aws, store: SyncRepository, simulated: SimulatedCodat
) -> None:
    """The document has a newer version than the check names."""
    simulated.change_sync(SYNC_ID, code=1000)
    worker, clock = start("worker"), start("clock")
    worker(batch(of(simulated, simulated.sync(SYNC_ID), "msg_1")))
    clock({})
    (check,) = received_checks(aws)
    worker(batch(of(simulated, simulated.change_sync(SYNC_ID, code=2000, items=(Item("t"),)), "msg_2")))
    asked = count_sync_requests(simulated)
    assert failed(worker(batch(check, check))) == []
    assert count_sync_requests(simulated) == asked
    document = store.load_sync(SYNC_ID)
    assert document
    assert (document.version, document.pending_check) == (2, None)


@pytest.mark.usefixtures("soon")
def test_a_redelivered_check_runs_once(start: StartFunction, aws: Aws, simulated: SimulatedCodat) -> None:
    """SQS may redeliver it."""
    simulated.change_sync(SYNC_ID, code=1000)
    worker, clock = start("worker"), start("clock")
    worker(batch(of(simulated, simulated.sync(SYNC_ID))))
    clock({})
    (check,) = received_checks(aws)
    for _ in range(3):
        worker(batch(check))
    assert count_sync_requests(simulated) == 4


def test_an_event_without_changes_does_not_postpone_the_next_check(
    start: StartFunction, store: SyncRepository, simulated: SimulatedCodat
) -> None:
    """Nor does it write anything but that it was seen."""
    simulated.change_sync(SYNC_ID, code=1000)
    worker = start("worker")
    worker(batch(of(simulated, simulated.sync(SYNC_ID), "msg_1")))
    before = store.load_sync(SYNC_ID)
    worker(batch(of(simulated, simulated.sync(SYNC_ID), "msg_2")))
    assert store.load_sync(SYNC_ID) == before
    assert store.load_processed_event_ids(SYNC_ID) == ["msg_1", "msg_2"]
