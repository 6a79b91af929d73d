"""Measure the worker's time, memory and writes for a large sync: `python -m benchmarks.large_sync`.

A worker process ingests syncs of growing size from simulated Codat into an emulated DynamoDB, both in separate
processes. The peak memory is the worker's alone. The time includes all three processes, so only its growth is
meaningful.
"""

import resource
import subprocess
import sys
import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import httpx

from codat_sync.aws.dynamodb import Table
from codat_sync.codat.client import CodatClient
from codat_sync.codat.http import CodatHttpClient
from codat_sync.core.clock import utc_now
from codat_sync.ingestion.sync_ingestion import SyncIngestion
from codat_sync.ingestion.tasks import SyncTask
from codat_sync.polling.schedule import Schedule
from codat_sync.rate_limits.gate import SharedGate
from codat_sync.rate_limits.process_limiter import ProcessLimiter
from codat_sync.syncs.repository import SyncRepository
from codat_sync.webhooks.events import WebhookEvent
from dev.codat_simulator.books.models import Item
from dev.codat_simulator.server import serve
from dev.codat_simulator.simulator import SimulatedCodat
from dev.local_stack.aws_clients import LocalAws
from dev.local_stack.emulator import emulator
from dev.waiting import PATIENCE_SECONDS
from tests.support.tables.sync_table import create_sync_table

if TYPE_CHECKING:
    from collections.abc import Iterable


_SIZES = ((50, 200), (2_000, 200), (20_000, 200), (20_000, 2_000), (20_000, 16_000))
_KEY, _SECRET = "key", "whsec_c2VjcmV0"
_TABLE = "syncs"


def main() -> None:
    """Print a line for each size."""
    print(f"{'transactions':>12} {'message':>8} {'new':>8} {'unchgd':>8} {'changed':>8} {'peak MB':>8}")
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory()))
        url = stack.enter_context(emulator(directory, directory / "log"))
        dynamodb = LocalAws(url).dynamodb
        create_sync_table(dynamodb, _TABLE)
        for transactions, characters in _SIZES:
            codat = SimulatedCodat(_KEY, _SECRET)
            sync = codat.add_sync(codat.add_company(), 5130, _items(transactions, characters, "no"))
            with serve(codat) as running:
                arguments = [running.url, url, sync.company_id, sync.sync_id]
                command = [sys.executable, "-m", "benchmarks.large_sync", *arguments]
                with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as worker:
                    figures = _figures(worker, codat, sync.sync_id, transactions, characters)
            print(f"{transactions:>12,} {characters:>8,} " + " ".join(f"{figure:>8}" for figure in figures), flush=True)


def _figures(worker: Any, codat: SimulatedCodat, sync_id: str, transactions: int, characters: int) -> list[str]:  # noqa: ANN401
    times = [worker.stdout.readline().strip() for _ in range(2)]
    codat.change_sync(sync_id, items=tuple(_items(transactions, characters, "yes")))
    worker.stdin.write("\n")
    worker.stdin.flush()
    return [*times, worker.stdout.readline().strip(), worker.stdout.readline().strip()]


def _items(transactions: int, characters: int, text: str) -> "Iterable[Item]":
    for number in range(transactions):
        message = f"{number} {text} ".ljust(characters, "x")
        yield Item(f"4d7c6929-7770-412b-91bb-{number:012}", "PushError", "expense", message)


def work(codat_url: str, aws_url: str, company_id: str, sync_id: str) -> None:
    """Ingest the sync as the worker does: new, unchanged, and with every message changed."""
    store = SyncRepository(Table(LocalAws(aws_url).dynamodb, _TABLE), event_retention=timedelta(days=16))
    with httpx.Client(base_url=codat_url, timeout=PATIENCE_SECONDS, trust_env=False) as http:
        gate = SharedGate(store.table, utc_now)
        pace = ProcessLimiter(at_once=4, per_minute=100_000)
        codat = CodatClient(CodatHttpClient(http, lambda: _KEY, pace, gate, utc_now))
        ingestion = SyncIngestion(codat, store, Schedule(), utc_now)
        for name in ("new", "unchanged", "changed"):
            if name == "changed":
                sys.stdin.readline()  # until it has
            began = time.monotonic()
            event = WebhookEvent(f"msg_{name}", "expenses.sync.unsuccessful", None, None, "request")
            ingestion.ingest([SyncTask(company_id, sync_id, event, None, "request")], 1)
            print(f"{time.monotonic() - began:.1f} s", flush=True)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        work(*sys.argv[1:])
    else:
        main()
