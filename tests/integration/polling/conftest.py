"""Fixtures of the polling tests."""

from collections.abc import Iterator

import httpx
import pytest

from codat_sync.polling.due_items import DueItems
from codat_sync.syncs.repository import Store
from dev.codat_simulator.simulator import SimulatedCodat
from tests.integration.polling.ingestion_worker import Worker
from tests.support.aws import Aws


@pytest.fixture
def soon(aws: Aws) -> None:
    """Make everything due at once."""
    aws.environment["FIRST_LOOK_SECONDS"] = "0"


@pytest.fixture
def due(store: Store) -> DueItems:
    """Return what is due, as the clock sees it."""
    return DueItems(store.table)


@pytest.fixture
def worker(store: Store, simulated: SimulatedCodat, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    """Return a worker that asks simulated Codat in this process and does not sleep between attempts."""
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)
    with httpx.Client(base_url="http://codat.test", transport=simulated.transport()) as http:
        yield Worker(store, http)
