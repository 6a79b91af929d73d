"""Schedule checks over hours, on a clock of their own."""

from dataclasses import replace
from datetime import timedelta

import pytest

from codat_sync.core.errors import CodatUnavailableError, PoisonMessageError, UnprocessedItemsError
from codat_sync.ingestion.results import Change
from codat_sync.ingestion.sync_ingestion import MAX_RECEIVES
from codat_sync.polling.schedule import CheckFailure, PollingAlert
from codat_sync.syncs.repository import SyncRepository
from codat_sync.syncs.status_codes import Outcome
from dev.codat_simulator.books.models import Item
from dev.codat_simulator.faults import Fault
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID, SYNC_ID
from tests.integration.polling.ingestion_worker import Worker, count_sync_requests, load_waiting


def test_a_sync_that_never_ends_is_reported_once(
    worker: Worker, store: SyncRepository, simulated: SimulatedCodat
) -> None:
    """After a day; and it is listed as stuck from then on."""
    simulated.change_sync(SYNC_ID, code=1010)
    worker.hear("msg_1")
    for _ in range(40):
        worker.wait()
        worker.check()
    assert worker.reports == [PollingAlert.STUCK]
    assert load_waiting(store).is_stuck


def test_an_abandoned_sync_is_reported_and_an_event_restarts_polling(
    worker: Worker, store: SyncRepository, simulated: SimulatedCodat
) -> None:
    """However long ago that was, and whatever Codat answers just then."""
    simulated.change_sync(SYNC_ID, code=1010)
    worker.hear("msg_1")
    while load_waiting(store).due_at:
        worker.wait()
        worker.check()
    assert worker.reports == [PollingAlert.STUCK, PollingAlert.ABANDONED]
    worker.now += timedelta(days=1)
    simulated.change_sync(SYNC_ID, code=2000, items=(Item("t"),))
    simulated.faults.add(Fault("status", status=503, times=3))
    assert worker.hear("msg_2", MAX_RECEIVES).change is Change.DEFERRED
    assert load_waiting(store).due_at == worker.now + timedelta(minutes=1)
    worker.wait()
    assert worker.check().change is Change.COMMITTED


@pytest.mark.parametrize("fault", [Fault("status", status=503, times=10**6), Fault("disconnect", times=10**6)])
def test_syncs_stay_scheduled_during_an_outage_of_any_length(
    worker: Worker, store: SyncRepository, simulated: SimulatedCodat, fault: Fault
) -> None:
    """A check is deferred at its first failure, and after a day made four times a day."""
    simulated.faults.add(fault)
    worker.hear("msg_1", MAX_RECEIVES)
    began = worker.now
    while worker.now - began < timedelta(days=60):
        worker.wait()
        assert worker.check().change is Change.DEFERRED
    assert load_waiting(store).due_at == worker.now + timedelta(hours=6)
    assert count_sync_requests(simulated) < 3 * (30 + 4 * 60)
    simulated.faults.clear()
    worker.wait()
    assert worker.check().change is Change.COMMITTED


def test_a_failed_sync_that_has_no_transactions_is_kept(
    worker: Worker, store: SyncRepository, simulated: SimulatedCodat
) -> None:
    """Codat may not even know a list of them."""
    simulated.change_sync(SYNC_ID, code=4000)
    simulated.faults.add(Fault("status", status=404, times=9, path="transactions"))
    assert worker.hear("msg_1").change is Change.COMMITTED
    document = store.load_sync(SYNC_ID)
    assert document
    assert (document.outcome, document.items, document.pending_check) == (Outcome.FAILED, (), None)


def test_a_successful_sync_without_transactions_is_polled_again(worker: Worker, simulated: SimulatedCodat) -> None:
    """They may still arrive; if they do not, the sync is reported."""
    simulated.change_sync(SYNC_ID, code=2000)
    simulated.faults.add(Fault("status", status=404, times=99, path="transactions"))
    with pytest.raises(CodatUnavailableError):
        worker.hear("msg_1")
    with pytest.raises(PoisonMessageError, match="malformed-response"):
        worker.hear("msg_1", MAX_RECEIVES)
    simulated.faults.clear()
    assert worker.hear("msg_1").change is Change.COMMITTED


def test_a_pending_item_keeps_a_sync_in_progress(
    worker: Worker, store: SyncRepository, simulated: SimulatedCodat
) -> None:
    """Though its code is one of success."""
    simulated.change_sync(SYNC_ID, code=2000, items=(Item("a"), Item("b", "Pending")))
    worker.hear("msg_1")
    document = store.load_sync(SYNC_ID)
    assert document
    assert document.outcome is Outcome.IN_PROGRESS


def test_a_report_is_sent_although_the_event_could_not_be_stored(
    worker: Worker, simulated: SimulatedCodat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The redelivered message finds it written."""
    simulated.change_sync(SYNC_ID, code=1000)
    worker.hear("msg_1")
    worker.now += timedelta(days=2)

    def throttled(*_: object) -> None:
        raise UnprocessedItemsError("throttled")

    with monkeypatch.context() as failing:
        failing.setattr(SyncRepository, "set_pending_check", throttled)
        with pytest.raises(UnprocessedItemsError):
            worker.check()
    worker.check()
    assert PollingAlert.STUCK in worker.reports


def test_a_sync_that_codat_does_not_know_yet_is_polled(
    worker: Worker, store: SyncRepository, simulated: SimulatedCodat
) -> None:
    """A webhook named it, so it must be somewhere."""
    simulated.faults.add(Fault("status", status=404, times=2))
    assert worker.hear("msg_1").change is Change.DEFERRED
    assert load_waiting(store).check_failure is CheckFailure.NOT_FOUND
    worker.wait()
    assert worker.check().change is Change.DEFERRED
    worker.wait()
    assert worker.check().change is Change.COMMITTED
    assert store.load_processed_event_ids(SYNC_ID) == ["msg_1"]


def test_a_sync_still_unknown_to_codat_after_an_hour_counts_as_missing(
    worker: Worker, store: SyncRepository, simulated: SimulatedCodat
) -> None:
    """It is reported and no longer polled; the stored data stays."""
    worker.hear("msg_1")
    simulated.delete_company(COMPANY_ID)
    worker.hear("msg_2")
    while load_waiting(store).due_at:
        worker.wait()
        worker.check()
    assert worker.reports == [PollingAlert.MISSING]
    document = store.load_sync(SYNC_ID)
    assert document
    assert (document.outcome, len(document.items)) == (Outcome.FAILED, 2)


def test_a_malformed_answer_to_a_check_makes_one_dead_letter_that_can_be_redriven(
    worker: Worker, store: SyncRepository, simulated: SimulatedCodat
) -> None:
    """It is not polled again, which would add a dead letter each time."""
    simulated.change_sync(SYNC_ID, code=1000)
    worker.hear("msg_1")
    simulated.faults.add(Fault("wrong_shape", times=3))
    worker.wait()
    with pytest.raises(PoisonMessageError, match="malformed-response"):
        worker.check()
    assert (load_waiting(store).check_failure, load_waiting(store).due_at) == (CheckFailure.MALFORMED_RESPONSE, None)
    assert worker.check().change is Change.UNCHANGED
    assert load_waiting(store).check_failure is None
    assert load_waiting(store).due_at


def test_a_malformed_answer_about_a_new_sync_leaves_it_announced(
    worker: Worker, store: SyncRepository, simulated: SimulatedCodat
) -> None:
    """So that it can be seen; once the dead letter is redriven, it is as if nothing had been."""
    simulated.faults.add(Fault("wrong_shape", times=3))
    with pytest.raises(PoisonMessageError) as raised:
        worker.hear("msg_1")
    assert "/status: " in raised.value.detail
    document = store.load_sync(SYNC_ID)
    assert document
    assert (document.outcome, document.sync, document.items) == (Outcome.ANNOUNCED, None, ())
    assert worker.hear("msg_1").change is Change.COMMITTED
    document = store.load_sync(SYNC_ID)
    assert document
    assert document.pending_check is None


def test_a_dead_letter_carries_codats_correlation_id(worker: Worker, simulated: SimulatedCodat) -> None:
    """Codat's support asks for the correlation id."""
    simulated.faults.add(Fault("status", status=400, times=3))
    with pytest.raises(PoisonMessageError) as raised:
        worker.hear("msg_1")
    assert "HTTP 400" in raised.value.detail
    assert "Codat's correlation id " in raised.value.detail


def test_an_event_while_the_gate_is_closed_is_not_lost(
    worker: Worker, store: SyncRepository, simulated: SimulatedCodat
) -> None:
    """A worker that called Codat before it loses the race to commit."""
    worker.hear("msg_1")
    simulated.quota.leave(0)
    assert worker.hear("msg_2").change is Change.DEFERRED
    before = store.load_sync(SYNC_ID)
    assert before
    assert before.version == 2
    assert worker.hear("msg_3").change is Change.DEFERRED
    assert worker.check(version=2).change is Change.OUTDATED
    simulated.quota.leave(1000)
    worker.now += timedelta(days=2)
    assert worker.check(version=3).change is Change.UNCHANGED
    document = store.load_sync(SYNC_ID)
    assert document
    assert (document.pending_check, document.version) == (None, 4)
    assert replace(document, version=1, pending_check=None) == replace(before, version=1, pending_check=None)
