"""Run a reconciliation and update the table's completeness after it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from codat_sync.core.timestamps import format_optional_timestamp
from codat_sync.reconciliation.telemetry import log_run

if TYPE_CHECKING:
    from codat_sync.reconciliation.completeness import Completeness
    from codat_sync.reconciliation.run import ReconciliationRun, RunResult
    from codat_sync.reconciliation.run_repository import ReconciliationRunRepository


@dataclass(frozen=True)
class ReconciliationService:
    """Run a reconciliation, then record missed webhooks and the overall completeness."""

    run: "ReconciliationRun"
    run_repository: "ReconciliationRunRepository"
    completeness: "Completeness"
    now: Callable[[], datetime]

    def reconcile(self, has_time: Callable[[], bool], correlation_id: str) -> dict[str, object]:
        """Compare companies while ``has_time``, and return a summary of the run as JSON.

        Raises QueueUnavailableError, and ``RunResult.fault``, after everything else is done.
        """
        directory = self.run_repository.load_directory()  # before this run: see ``Completeness.update_overall``
        result = self.run.run(has_time, correlation_id)
        if lost := sum(len(each.lost) for each in result.compared):
            self.run_repository.count_missed_webhooks(lost, self.now())
        overall = self.completeness.update_overall(directory, self.now())
        log_run(result, overall, self.now())
        if result.fault:
            raise result.fault  # Last: it fails the invocation, which raises the alarm.
        return _summarize(result, overall.complete_as_of)


def _summarize(result: "RunResult", complete_as_of: datetime | None) -> dict[str, object]:
    return {
        "stopReason": result.stop_reason.value,
        "compared": len(result.compared),
        "enqueued": sum(each.enqueued for each in result.compared),
        "completeAsOf": format_optional_timestamp(complete_as_of),
    }
