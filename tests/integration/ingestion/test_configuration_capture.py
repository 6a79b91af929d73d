"""A company's configuration is kept as it was when a sync failed, and costs others nothing."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from codat_sync.aws.dynamodb import Table
from codat_sync.aws.table_schema import GATE
from codat_sync.companies.configuration import CompanyThen, NotKept
from codat_sync.companies.configuration_repository import ConfigurationRepository
from codat_sync.core.errors import UnprocessedItemsError
from codat_sync.syncs.repository import SyncRepository
from codat_sync.syncs.status_codes import Outcome
from dev.codat_simulator.books.models import Item, Sync
from dev.codat_simulator.faults import Fault
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID, SYNC_ID
from tests.support.aws import Aws
from tests.support.clock import SimulatedTime
from tests.support.handlers import Handler, StartFunction
from tests.support.sqs_batches import batch, failed, of


@pytest.fixture
def table(aws: Aws) -> Table:
    return Table(aws.dynamodb, aws.environment["SYNC_TABLE_NAME"])


class World:
    """The worker, Codat and what is kept."""

    def __init__(self, worker: Handler, simulated: SimulatedCodat, table: Table) -> None:
        self._worker = worker
        self._simulated = simulated
        self._configurations = ConfigurationRepository(table)

    def fails(self, **event: Any) -> Sync:  # noqa: ANN401 - of an invocation
        """Have another sync of the company fail, and the worker hear of it."""
        sync = self._simulated.add_sync(self._simulated.company(COMPANY_ID), 5130, [Item("t", "PushError")])
        self.hears(sync, **event)
        return sync

    def hears(self, sync: Sync, webhook_id: str | None = None, **event: Any) -> None:  # noqa: ANN401 - the same
        """Deliver the webhook of a sync."""
        delivered = batch(of(self._simulated, sync, webhook_id or f"msg_{sync.sync_id}")) | event
        assert failed(self._worker(delivered)) == []

    def kept(self, sync: Sync) -> CompanyThen:
        """Return what was recorded for a sync."""
        then = self._configurations.load_of_sync(sync.sync_id)
        assert then
        return then

    @property
    def calls(self) -> int:
        """How often the configuration was asked for."""
        return sum(entry.path.endswith("/config") for entry in self._simulated.requests.entries)


@pytest.fixture
def world(start: StartFunction, simulated: SimulatedCodat, table: Table, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr("codat_sync.rate_limits.gate._MAX_AGE", 0)
    return World(start("worker"), simulated, table)


def _set(simulated: SimulatedCodat, **configuration: Any) -> None:  # noqa: ANN401 - JSON
    simulated.configure(COMPANY_ID, configuration)


def test_the_configuration_and_the_connection_are_kept_with_a_failed_sync(
    world: World, simulated: SimulatedCodat
) -> None:
    """One call; the connection was fetched before. What changes later does not change it."""
    _set(simulated, bankAccount={"id": "7"}, rates=[1.5, None, "ü"])
    before = datetime.now(UTC) - timedelta(seconds=1)
    sync = world.fails()
    then = world.kept(sync)
    assert (then.configuration, then.not_kept) == ({"bankAccount": {"id": "7"}, "rates": [1.5, None, "ü"]}, None)
    assert then.as_of
    assert before <= then.as_of <= then.recorded_at
    assert then.connection
    assert then.connection.status == "Linked"
    assert world.calls == 1
    _set(simulated, bankAccount={"id": "8"})
    world.hears(sync, "msg_again")
    assert world.kept(sync) == then
    assert world.calls == 1


def test_a_sync_that_has_not_failed_costs_nothing_more(world: World, simulated: SimulatedCodat, table: Table) -> None:
    """Neither one in progress nor one that has succeeded."""
    for code in (2000, 1000):
        sync = simulated.add_sync(simulated.company(COMPANY_ID), code, [Item("t")])
        world.hears(sync)
        assert ConfigurationRepository(table).load_of_sync(sync.sync_id) is None
    assert world.calls == 0


def test_syncs_that_fail_together_share_a_reading(
    world: World, simulated: SimulatedCodat, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten minutes later it is read again; the same configuration is stored once."""
    time = SimulatedTime()
    time.install(monkeypatch)
    first, second = world.fails(), world.fails()
    assert world.calls == 1
    assert world.kept(first).as_of == world.kept(second).as_of
    time.passed += timedelta(minutes=11)
    third = world.fails()
    assert world.calls == 2
    assert world.kept(third).digest == world.kept(first).digest
    _set(simulated, supplier={"id": "new"})
    time.passed += timedelta(minutes=11)
    assert world.kept(world.fails()).configuration == {"supplier": {"id": "new"}}
    items = aws.dynamodb.scan(TableName="syncs")["Items"]
    assert len([item for item in items if item["sk"]["S"].startswith("CONFIG#")]) == 2


@pytest.mark.parametrize(
    ("status", "not_kept", "is_gate_closed"),
    [
        (404, NotKept.NONE_IN_CODAT, False),
        (403, NotKept.REFUSED, False),
        (500, NotKept.UNAVAILABLE, False),
        (429, NotKept.REFUSED, True),
    ],
)
def test_if_codat_does_not_answer_the_sync_is_stored_all_the_same(  # noqa: PLR0913 - fixtures, and one case
    world: World,
    simulated: SimulatedCodat,
    store: SyncRepository,
    table: Table,
    *,
    status: int,
    not_kept: NotKept,
    is_gate_closed: bool,
) -> None:
    """One attempt, and the reason is recorded. A refusal closes the gate for nobody; a used-up quota does."""
    simulated.faults.add(Fault("status", status=status, times=5, path="/config$"))
    sync = world.fails()
    assert (world.kept(sync).configuration, world.kept(sync).not_kept) == (None, not_kept)
    assert world.kept(sync).connection
    assert world.calls == 1
    document = store.load_sync(sync.sync_id)
    assert document
    assert document.outcome is Outcome.FAILED
    assert bool(table.get_attribute(GATE, "closedUntil")) is is_gate_closed


def test_nothing_is_asked_for_if_others_need_the_quota_or_the_time(world: World, simulated: SimulatedCodat) -> None:
    """The sync itself is stored."""
    assert world.kept(world.fails(remaining_ms=39_000)).not_kept is NotKept.NO_TIME
    simulated.quota.leave(200)  # A tenth of the day's.
    assert world.kept(world.fails()).not_kept is NotKept.CALLS_PAUSED
    assert world.calls == 0


def test_a_table_that_fails_then_fails_no_ingestion(
    world: World, store: SyncRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is lost is logged."""

    def throttle(*_: object) -> None:
        raise UnprocessedItemsError("throttled")

    monkeypatch.setattr(ConfigurationRepository, "load_known", throttle)
    sync = world.fails()
    assert store.load_sync(sync.sync_id)


def test_the_failed_sync_of_the_stored_events_has_one(world: World, simulated: SimulatedCodat) -> None:
    """It is the one that the examples of the API show."""
    world.hears(simulated.sync(SYNC_ID))
    assert set(world.kept(simulated.sync(SYNC_ID)).configuration or {}) == {"bankAccount", "supplier", "customer"}
