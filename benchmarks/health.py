"""Measure requests and time for reading 100,000 syncs: `python -m benchmarks.health [syncs]`."""

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from codat_sync.aws.dynamodb import Table
from codat_sync.companies.repository import CompanyRepository
from codat_sync.queries.sync_details import SyncReader
from codat_sync.queries.sync_history import SyncHistory
from codat_sync.queries.sync_index import SyncIndex
from codat_sync.queries.sync_query import HistoryQuery, Period
from dev.local_stack.aws_clients import LocalAws
from dev.local_stack.emulator import emulator
from dev.processes.run_directory import run_directory
from tests.support.botocore_calls import count_requests
from tests.support.tables.sync_table import create_sync_table, fill

_SYNCS = 100_000


def main(number: int) -> None:
    """Fill a table and read it as the web UI does."""
    with run_directory("benchmark") as directory, emulator(directory, directory / "emulator.log") as url:
        dynamodb = LocalAws(url).dynamodb
        create_sync_table(dynamodb, "syncs")
        now = datetime.now(UTC)
        sync_id = fill(dynamodb, "syncs", number, now)
        table = Table(dynamodb, "syncs")
        sync_history = SyncHistory(SyncIndex(table))
        details = SyncReader(table, CompanyRepository(table, event_retention=timedelta()))
        month = Period(now.date() - timedelta(days=29), now.date())
        print(f"{number:,} syncs in 30 days")
        _print_figures("the first page of the history", lambda: sync_history.load_page(HistoryQuery(month), None))
        _print_figures("a sync's details", lambda: details.load(sync_id))
        _print_figures("totals of 30 days", lambda: sync_history.totals(month, None))


def _print_figures(what: str, read: Callable[[], object]) -> None:
    started = time.perf_counter()
    with count_requests() as requests:
        read()
    print(f"  {what:<32}{requests.total():>4} requests {time.perf_counter() - started:>8.2f} s  {dict(requests)}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else _SYNCS)
