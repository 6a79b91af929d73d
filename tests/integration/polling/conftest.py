"""Fixtures of the polling tests."""

from collections.abc import Iterator

import httpx
import pytest

from codat_sync.polling.due_items import DueItemRepository
from codat_sync.syncs.repository import SyncRepository
from dev.codat_simulator.simulator import SimulatedCodat
from tests.integration.polling.ingestion_worker import Worker
from tests.support.aws import Aws


@pytest.fixture
def soon(aws: Aws) -> None:
    """Make everything due at once."""
    aws.environment["POLL_INITIAL_DELAY_SECONDS"] = "0"


@pytest.fixture
def due(store: SyncRepository) -> DueItemRepository:
    """Return what is due, as the clock sees it."""
    return DueItemRepository(store.table)


@pytest.fixture
def worker(store: SyncRepository, simulated: SimulatedCodat, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    """Return a worker that asks simulated Codat in this process and does not sleep between attempts."""
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)
    with httpx.Client(base_url="http://codat.test", transport=simulated.transport()) as http:
        yield Worker(store, http)
