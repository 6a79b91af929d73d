"""Log each of the worker's results, and emit metrics for each batch.

Ids and outcomes only: Codat's messages hold personal data. See docs/operations.md for the meaning of each metric.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from codat_sync.aws.observability import count, logger, metrics
from codat_sync.core.timestamps import format_timestamp
from codat_sync.ingestion.results import Change, CompanyResult, SyncResult, TaskResult
from codat_sync.ingestion.tasks import (
    CompanyTask,
    ExampleEventTask,
    IgnoredEventTask,
    PartCleanupTask,
    SyncTask,
    Task,
    get_correlation_id,
    get_event_type,
    get_webhook_id,
)
from codat_sync.polling.schedule import PollingAlert
from codat_sync.syncs.items import count_statuses

_METRIC_PREFIXES = {
    SyncTask: "Sync",
    CompanyTask: "Company",
    PartCleanupTask: "PartCleanup",
}
# Their result is always the same, so it is not part of the name.
_METRICS = {IgnoredEventTask: "EventIgnored", ExampleEventTask: "EventExample"}


def log_result(tasks: Sequence[Task], result: TaskResult) -> None:
    """Log the result of ``tasks``, all with the same subject; as an error if it needs an operator."""
    fields: dict[str, Any] = {"kind": type(tasks[0]).__name__, "change": result.change} | get_log_fields(tasks)
    if isinstance(result, SyncResult):
        fields |= _ingested(result)
    if isinstance(result, CompanyResult) and result.company:
        fields |= {"connection_status": result.company.connection_status, "is_deleted": result.company.is_deleted}
    logger.info("task processed", **fields)


def report_alert(task: SyncTask, found: PollingAlert) -> None:
    """Log an alert as an error, and count it."""
    logger.error(found.value, **get_log_fields([task]))
    count(f"Sync{found.capitalize()}")


def get_log_fields(tasks: Sequence[Task]) -> dict[str, Any]:
    """Return the ids of ``tasks``, all with the same subject."""
    first = tasks[0]
    found: dict[str, Any] = {
        name: getattr(first, name) for name in ("company_id", "sync_id", "part_run_id") if hasattr(first, name)
    }
    found["correlation_ids"] = [get_correlation_id(each) for each in tasks if get_correlation_id(each)]
    found["webhook_ids"] = [get_webhook_id(each) for each in tasks if get_webhook_id(each)]
    return {name: ids for name, ids in found.items() if ids}


def _ingested(result: SyncResult) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if result.sync:
        fields |= {
            "owner_id": result.sync.status.company_id,
            "code": result.sync.status.code,
            "outcome": result.sync.outcome,
            "transactions": len(result.sync.items),
        }
    if result.pending_check:
        due_at = result.pending_check.due_at
        fields |= {"check_failure": result.pending_check.check_failure, "due_at": due_at and format_timestamp(due_at)}
        fields |= {"codat_correlation_id": result.pending_check.codat_correlation_id}
    return fields


class BatchMetrics:
    """Aggregate a batch's metrics, as each count is a log line."""

    def __init__(self) -> None:
        self._events: Counter[str] = Counter()
        self._outcomes: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()
        self._added: dict[int, TaskResult] = {}  # by identity; the reference prevents the reuse of an id

    def add(self, task: Task | None, result: TaskResult) -> None:
        """Add a processed message. A result shared by several messages counts once."""
        by_result = f"{_METRIC_PREFIXES.get(type(task), 'Quota')}{result.change.capitalize()}"
        metrics.add_metric(_METRICS.get(type(task), by_result), MetricUnit.Count, 1)
        if task and (name := get_event_type(task)):
            self._events[name] += 1
        if (
            isinstance(result, CompanyResult)
            and result.change is Change.COMMITTED
            and result.company
            and result.company.is_deleted
        ):
            metrics.add_metric("CompanyDeleted", MetricUnit.Count, 1)
        if isinstance(result, SyncResult) and id(result) not in self._added:
            self._added[id(result)] = result
            self._add_ingested(result)

    def _add_ingested(self, result: SyncResult) -> None:
        if result.sync and result.change is Change.COMMITTED:
            self._outcomes[result.sync.outcome] += 1
            self._statuses.update(count_statuses(result.sync.items))
            for lag in result.lags:
                metrics.add_metric("SyncLag", MetricUnit.Milliseconds, lag.total_seconds() * 1000)

    def flush(self) -> None:
        """Emit all metrics."""
        counters = (
            ("Events", "eventType", self._events),
            ("Syncs", "outcome", self._outcomes),
            ("Transactions", "status", self._statuses),
        )
        for name, dimension, counter in counters:
            for value, number in counter.items():
                count(name, dimension, value, number)
