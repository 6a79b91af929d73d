"""Helpers of the polling tests: what is scheduled and enqueued, and an ingestion with a clock of its own."""

import json
from datetime import UTC, datetime
from typing import Any

import httpx

from codat_sync.codat.client import CodatClient
from codat_sync.codat.http import CodatHttpClient
from codat_sync.ingestion.results import SyncResult
from codat_sync.ingestion.sync_ingestion import SyncIngestion
from codat_sync.ingestion.tasks import SyncTask
from codat_sync.polling.schedule import PendingCheck, PollingAlert, Schedule
from codat_sync.rate_limits.gate import SharedGate
from codat_sync.rate_limits.process_limiter import ProcessLimiter
from codat_sync.syncs.repository import SyncRepository
from codat_sync.webhooks.events import WebhookEvent
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID, SYNC_ID
from tests.support.aws import API_KEY, Aws


def received_checks(aws: Aws) -> list[Any]:
    """Receive the checks that the clock has enqueued."""
    return [json.loads(sent["Body"]) for sent in aws.messages("SYNC_QUEUE")]


def count_sync_requests(simulated: SimulatedCodat) -> int:
    """Return how many requests about syncs Codat received."""
    return len([entry for entry in simulated.requests.entries if "/syncs/" in entry.path])


def load_waiting(store: SyncRepository, sync_id: str = SYNC_ID) -> PendingCheck:
    """Return the schedule of a sync that is pending."""
    document = store.load_sync(sync_id)
    assert document
    assert document.pending_check
    return document.pending_check


class Worker:
    """Ingests one sync whenever a test says so."""

    def __init__(self, store: SyncRepository, http: httpx.Client) -> None:
        self.now = datetime.now(UTC)
        gate = SharedGate(store.table, lambda: self.now, clock=self._seconds)
        pace = ProcessLimiter(at_once=8, per_minute=1_000_000)
        codat = CodatClient(CodatHttpClient(http, lambda: API_KEY, pace, gate, lambda: self.now))
        self._store = store
        self.reports: list[PollingAlert] = []
        self._ingestion = SyncIngestion(
            codat, store, Schedule(), lambda: self.now, lambda _, found: self.reports.append(found)
        )

    def _seconds(self) -> float:
        return self.now.timestamp()

    def hear(self, webhook_id: str, receive_count: int = 1) -> SyncResult:
        """Ingest the sync because of a webhook."""
        event = WebhookEvent(webhook_id, "expenses.sync.successful", self.now, None, "request-1")
        task = SyncTask(COMPANY_ID, SYNC_ID, event, None, "request-1")
        return self._ingestion.ingest([task], receive_count)

    def check(self, version: int | None = None) -> SyncResult:
        """Check the sync because it is due at a version, by default the current one."""
        document = self._store.load_sync(SYNC_ID)
        assert document
        task = SyncTask(COMPANY_ID, SYNC_ID, None, version or document.version, "request-1")
        return self._ingestion.ingest([task], 1)

    def wait(self) -> None:
        """Advance the clock until the sync is due."""
        self.now = load_waiting(self._store).due_at or self.now
