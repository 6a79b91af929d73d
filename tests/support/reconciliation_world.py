"""Reconcile in this process, on a movable clock, with a worker for what it enqueues."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from codat_sync.aws.dynamodb import Table
from codat_sync.codat.directory_client import CodatDirectoryClient
from codat_sync.codat.http import CodatHttpClient
from codat_sync.messaging.queues import SyncQueue
from codat_sync.rate_limits.daily_budget import BudgetedLimiter, DailyBudget
from codat_sync.rate_limits.gate import SharedGate
from codat_sync.rate_limits.process_limiter import ProcessLimiter
from codat_sync.reconciliation.company_discovery import CompanyDiscovery
from codat_sync.reconciliation.company_state import Cadence
from codat_sync.reconciliation.completeness import CompanyCompleteness, Completeness, OverallCompleteness
from codat_sync.reconciliation.endpoint_monitor import EndpointMonitor
from codat_sync.reconciliation.reconciler import ComparisonResult, Reconciler
from codat_sync.reconciliation.repository import ReconciliationRepository
from codat_sync.reconciliation.run import ReconciliationRun, RunResult
from codat_sync.reconciliation.run_repository import ReconciliationRunRepository
from dev.codat_simulator.books.models import Item
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID
from tests.support.aws import API_KEY, WEBHOOK_URL, Aws
from tests.support.handlers import Handler
from tests.support.sqs_batches import batch, failed

LIST_PATH = "list/status$"
LONG_AGO = "2026-01-05T10:00:00.0000000Z"


class Clock:
    """The system's time plus what a test lets pass, from an evening on: the daily budget is fully released then."""

    def __init__(self) -> None:
        now = datetime.now(UTC)
        evening = now.replace(hour=20, minute=0, second=0, microsecond=0)
        self.passed = (evening if now < evening else evening + timedelta(days=1)) - now

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.passed

    def pass_by(self, **much: float) -> None:
        self.passed += timedelta(**much)


@dataclass
class Reconcile:
    """Reconcile's services, wired as its function wires them, on the test's clock."""

    aws: Aws
    clock: Clock
    rounds: ReconciliationRun
    store: ReconciliationRepository
    completeness: Completeness
    comparisons: list[ComparisonResult]
    worker: Handler

    def run(self, has_time: Callable[[], bool] = lambda: True) -> RunResult:
        """Run once, as the function does."""
        directory = self.rounds.discovery.run_repository.load_directory()
        went = self.rounds.run(has_time, "reconcile-1")
        self.completeness.update_overall(directory, self.clock())
        return went

    def checks(self) -> list[Any]:
        """Receive what was enqueued."""
        return [json.loads(sent["Body"]) for sent in self.aws.messages("SYNC_QUEUE")]

    def work(self) -> int:
        """Process what was enqueued with the worker; returns the number of messages."""
        checks = self.checks()
        for start in range(0, len(checks), 10):
            assert failed(self.worker(batch(*checks[start : start + 10]))) == []
        return len(checks)

    @property
    def overall(self) -> OverallCompleteness:
        """The completeness of all companies."""
        return self.completeness.overall()


def make_reconcile(
    aws: Aws, transport: httpx.BaseTransport, worker: Handler, clock: Clock, *, percent: int = 100
) -> Reconcile:
    """Return reconcile in this process; ``transport`` leads to simulated Codat."""
    table = Table(aws.dynamodb, aws.environment["SYNC_TABLE_NAME"])
    gate = SharedGate(table, clock)
    ration = DailyBudget(table, gate, clock, percent=percent)
    http = httpx.Client(base_url="https://codat", transport=transport)
    turns = BudgetedLimiter(ration, ProcessLimiter(at_once=1, per_minute=1_000_000))
    codat = CodatDirectoryClient(CodatHttpClient(http, lambda: API_KEY, turns, gate, clock))
    store, rounds_store = ReconciliationRepository(table), ReconciliationRunRepository(table)
    queue = SyncQueue(aws.sqs, aws.environment["SYNC_QUEUE_URL"])
    comparisons: list[ComparisonResult] = []

    def log_failure(_what: str, _error: Exception) -> None:
        return

    rounds = ReconciliationRun(
        Reconciler(codat, store, queue, ration, Cadence(), clock),
        CompanyDiscovery(codat, store, rounds_store, clock),
        EndpointMonitor(codat, rounds_store, WEBHOOK_URL, clock),
        store,
        gate,
        clock,
        comparisons.append,
        log_failure,
    )
    return Reconcile(aws, clock, rounds, store, Completeness(table), comparisons, worker)


def add_unannounced_sync(simulated: SimulatedCodat, code: int = 2000, company_id: str = COMPANY_ID) -> str:
    """Add a sync that ended an hour ago without a webhook; returns its id."""
    ended = (simulated.now() - timedelta(hours=1)).isoformat()
    return simulated.add_sync(simulated.company(company_id), code, [Item("t")], sync_utc=ended).sync_id


def load_completeness(reconcile: Reconcile, company_id: str = COMPANY_ID) -> CompanyCompleteness:
    """Return what is known about a company's completeness."""
    found = reconcile.completeness.company(company_id)
    assert found
    return found


def count_lists(simulated: SimulatedCodat) -> int:
    """Return how many of Codat's lists were requested."""
    return len(simulated.requests.matching(LIST_PATH))


def catch_up(reconcile: Reconcile) -> None:
    """Ingest everything that is at Codat, until the table is known to be complete."""
    for _ in range(2):
        reconcile.run()
        reconcile.work()
        reconcile.clock.pass_by(hours=7)
    reconcile.run()
    assert reconcile.overall.complete_as_of
