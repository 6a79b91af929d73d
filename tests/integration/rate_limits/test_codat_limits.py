"""Codat's limits, with several workers at work on one company."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from codat_sync.syncs.repository import SyncRepository
from dev.codat_simulator.faults import Fault
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID
from tests.support.handlers import Handler
from tests.support.sqs_batches import batch, failed, of

_WORKERS = 2  # what the template allows by default


@pytest.mark.parametrize("seconds", [0.0, 1.0])
def test_workers_together_keep_within_codats_limits(
    start: Callable[[str], Handler], store: SyncRepository, simulated: SimulatedCodat, seconds: float
) -> None:
    """10 requests at once for a company when Codat is slow, 800 a minute in all when it is quick."""
    company = simulated.company(COMPANY_ID)
    syncs = [simulated.add_sync(company) for _ in range(10 * _WORKERS)]
    simulated.faults.add(Fault("latency", times=1000, seconds=seconds))
    batches = [batch(*(of(simulated, sync) for sync in syncs[n::_WORKERS])) for n in range(_WORKERS)]
    workers = [start("worker") for _ in range(_WORKERS)]
    with ThreadPoolExecutor(_WORKERS) as pool:
        answers = list(pool.map(lambda worker, messages: worker(messages), workers, batches))
    assert [failed(answer) for answer in answers] == [[], []]
    assert all(store.load_sync(sync.sync_id) for sync in syncs)

    calls = simulated.requests.entries
    assert sum("/syncs/" in call.path for call in calls) == 2 * len(syncs)
    assert simulated.requests.max_in_flight(COMPANY_ID) <= 10
    # Each process may be one call ahead of its pace; the first and the last call bound the time that the others had.
    took = (calls[-1].at - calls[0].at).total_seconds()
    assert (len(calls) - _WORKERS) / took * 60 <= 800
