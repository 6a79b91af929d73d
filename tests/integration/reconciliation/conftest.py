"""Fixtures: reconcile in this process, on a clock that tests move."""

import pytest

from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import SYNC_ID
from tests.support.aws import WEBHOOK_URL, Aws
from tests.support.handlers import StartFunction
from tests.support.reconciliation_world import LONG_AGO, Clock, Reconcile, make_reconcile


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def reconcile(
    start: StartFunction, aws: Aws, simulated: SimulatedCodat, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> Reconcile:
    """Return reconcile, for a Codat with one company, which has one old sync that no webhook announced."""
    simulated.now = clock
    # The worker runs on the same clock: otherwise it would not believe Codat's times.
    monkeypatch.setattr("codat_sync.core.clock.utc_now", clock)
    monkeypatch.setattr("codat_sync.bootstrap.codat.utc_now", clock)
    simulated.set_webhook_consumer(WEBHOOK_URL)
    simulated.change_sync(SYNC_ID, sync_utc=LONG_AGO)
    return make_reconcile(aws, simulated.transport(), start("worker"), clock)
