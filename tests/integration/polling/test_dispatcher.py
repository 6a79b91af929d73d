"""Enqueue the syncs that are due, once a minute."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from codat_sync.core.errors import QueueUnavailableError, UnprocessedItemsError
from codat_sync.messaging.queues import RetryQueue, SyncQueue
from codat_sync.polling.dispatcher import DispatchQueues, dispatch_due_items
from codat_sync.polling.due_items import LEASE, DueItem, DueItemRepository
from codat_sync.rate_limits.gate import SharedGate
from codat_sync.syncs.repository import SyncRepository
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import CLOCK_ANSWERS, COMPANY_ID, SYNC_ID, load
from tests.integration.polling.ingestion_worker import received_checks
from tests.support.aws import Aws
from tests.support.handlers import StartFunction
from tests.support.sqs_batches import batch, of


@pytest.mark.parametrize("name", list(CLOCK_ANSWERS))
def test_while_nothing_is_due_the_clock_says_so(start: StartFunction, name: str) -> None:
    """With every stored event."""
    assert start("clock")(load("clock", name)) == CLOCK_ANSWERS[name]


def _tick(aws: Aws, due: DueItemRepository, store: SyncRepository, now: datetime) -> int:
    queues = DispatchQueues(
        SyncQueue(aws.sqs, aws.environment["SYNC_QUEUE_URL"]), RetryQueue(aws.sqs, aws.environment["RETRY_QUEUE_URL"])
    )
    return dispatch_due_items(due, queues, SharedGate(store.table, lambda: now), lambda: now).enqueued


@pytest.fixture
def _in_progress(start: StartFunction, simulated: SimulatedCodat) -> None:
    simulated.change_sync(SYNC_ID, code=1000)
    start("worker")(batch(of(simulated, simulated.sync(SYNC_ID))))


@pytest.mark.usefixtures("_in_progress")
def test_a_due_sync_is_enqueued_once(aws: Aws, due: DueItemRepository, store: SyncRepository) -> None:
    """Each minute, by one clock or two; its company is the message group."""
    now = datetime.now(UTC)
    assert _tick(aws, due, store, now) == 0
    assert _tick(aws, due, store, now + timedelta(minutes=2)) == 1
    assert _tick(aws, due, store, now + timedelta(minutes=3)) == 0
    (sent,) = aws.messages("SYNC_QUEUE")
    assert sent["Attributes"]["MessageGroupId"] == COMPANY_ID
    check = json.loads(sent["Body"])
    assert (check["kind"], check["syncId"], check["version"]) == ("check", SYNC_ID, 1)
    assert check["correlationId"] == "B8qnXhkUrPEEMSg="


@pytest.mark.usefixtures("_in_progress")
def test_a_lost_check_is_enqueued_again(
    aws: Aws, due: DueItemRepository, store: SyncRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock crashed between postponing the item and enqueuing it, or SQS rejected the message."""
    now = datetime.now(UTC) + timedelta(minutes=2)
    with monkeypatch.context() as failing:
        failing.setattr(SyncQueue, "send_all", lambda *_: 0)
        with pytest.raises(QueueUnavailableError, match="0 of 1"):
            _tick(aws, due, store, now)
    assert _tick(aws, due, store, now + LEASE - timedelta(minutes=1)) == 0
    assert _tick(aws, due, store, now + LEASE) == 1


def test_an_item_that_cannot_be_rescheduled_does_not_delay_others(
    start: StartFunction, aws: Aws, store: SyncRepository, simulated: SimulatedCodat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are enqueued; then the clock fails, which raises an alarm."""
    due = DueItemRepository(store.table)
    company = simulated.company(COMPANY_ID)
    syncs = [simulated.add_sync(company, 1000) for _ in range(5)]
    start("worker")(batch(*(of(simulated, sync, f"msg_{n}") for n, sync in enumerate(syncs))))
    lease = DueItemRepository.lease

    def reluctant(self: DueItemRepository, item: DueItem, now: datetime) -> bool:
        if syncs[0].sync_id in item.key["pk"]:
            raise UnprocessedItemsError("throttled")
        return lease(self, item, now)

    monkeypatch.setattr(DueItemRepository, "lease", reluctant)
    with pytest.raises(UnprocessedItemsError):
        _tick(aws, due, store, datetime.now(UTC) + timedelta(minutes=2))
    assert len(received_checks(aws)) == 4


def test_the_clock_enqueues_no_more_than_workers_can_process(
    start: StartFunction, aws: Aws, store: SyncRepository, simulated: SimulatedCodat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More would be due again before workers could process it."""
    due = DueItemRepository(store.table)
    monkeypatch.setattr("codat_sync.polling.dispatcher._MAX_ITEMS", 3)
    company = simulated.company(COMPANY_ID)
    syncs = [simulated.add_sync(company, 1000) for _ in range(5)]
    start("worker")(batch(*(of(simulated, sync, f"msg_{n}") for n, sync in enumerate(syncs))))
    now = datetime.now(UTC) + timedelta(minutes=2)
    assert [_tick(aws, due, store, now) for _ in range(2)] == [3, 0]
    assert len(received_checks(aws)) == 3
    assert _tick(aws, due, store, now) == 2


@pytest.mark.usefixtures("_in_progress")
def test_an_item_that_changed_meanwhile_is_not_enqueued(
    aws: Aws, due: DueItemRepository, store: SyncRepository
) -> None:
    """Another clock postponed it first."""
    now = datetime.now(UTC) + timedelta(minutes=2)
    (item,) = due.load(now, 10, is_opened_early=False)
    assert _tick(aws, due, store, now) == 1
    assert not due.lease(item, now)
