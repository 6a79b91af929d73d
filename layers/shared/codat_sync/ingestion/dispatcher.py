"""Dispatch tasks to their handlers."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from codat_sync.ingestion.company_refresh import CompanyRefresh
from codat_sync.ingestion.results import Change, OtherResult, SyncResult, TaskResult
from codat_sync.ingestion.sync_ingestion import MAX_RECEIVES, SyncIngestion
from codat_sync.ingestion.tasks import (
    CompanyTask,
    ExampleEventTask,
    IgnoredEventTask,
    PartCleanupTask,
    QuotaTask,
    SyncTask,
    Task,
)
from codat_sync.webhooks.example_event_repository import ExampleEventRepository

if TYPE_CHECKING:
    from codat_sync.rate_limits.gate import SharedGate
    from codat_sync.syncs.repository import SyncRepository


@dataclass(frozen=True)
class TaskDispatcher:
    """The worker's handlers for all types of tasks.

    ``capture`` keeps the configuration of a company, by its id, one of whose syncs has just failed. It raises nothing.
    """

    ingestion: SyncIngestion
    company_refresh: CompanyRefresh
    store: "SyncRepository"
    gate: "SharedGate"
    capture: Callable[[str, str], None]
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock, init=False)

    def dispatch(self, tasks: Sequence[Task], receive_count: int) -> TaskResult:
        """Process ``tasks``, all with the same subject. Raises what ``SyncIngestion`` and ``CompanyRefresh`` do."""
        match tasks[0]:
            case SyncTask():
                return self._ingest(cast("Sequence[SyncTask]", tasks), receive_count)
            case CompanyTask():
                return self.company_refresh.refresh(cast("Sequence[CompanyTask]", tasks), receive_count)
            case QuotaTask(event=event):
                return _other_result(is_changed=self.gate.apply_event(event))
            case PartCleanupTask(sync_id=sync_id, part_run_id=part_run_id):
                return _other_result(
                    is_changed=self.store.delete_unreferenced_parts(sync_id, part_run_id, self.ingestion.now())
                )
            case IgnoredEventTask():
                return OtherResult(Change.UNCHANGED)
            case ExampleEventTask(event_type=event_type, received_at=received_at):
                # Codat doesn't know its ids: a sync or a company of them would count as missing.
                ExampleEventRepository(self.store.table).record(event_type, received_at)
                return OtherResult(Change.COMMITTED)

    def _ingest(self, tasks: Sequence[SyncTask], receive_count: int) -> SyncResult:
        result = self.ingestion.ingest(tasks, receive_count)
        if result.is_company_stale or result.is_connection_suspect:
            first = tasks[0]
            company = CompanyTask(
                result.sync.status.company_id if result.sync else first.company_id,
                None,
                None,
                is_deletion=False,
                correlation_id=first.correlation_id,
                is_connection_suspect=result.is_connection_suspect,
            )
            # The sync is done, so if Codat fails now, the company is deferred in the table. While another company is
            # being refreshed, leave this one to its next sync, unless retry is waiting for its connection.
            if self._one_at_a_time.acquire(blocking=result.is_connection_suspect):
                try:
                    self.company_refresh.refresh([company], MAX_RECEIVES)
                finally:
                    self._one_at_a_time.release()
        # Last: the sync is stored, and the state of its company's connection is current.
        if result.has_failed and result.sync:
            self.capture(result.sync.status.company_id, result.sync.status.sync_id)
        return result


def _other_result(*, is_changed: bool) -> OtherResult:
    return OtherResult(Change.COMMITTED if is_changed else Change.UNCHANGED)
