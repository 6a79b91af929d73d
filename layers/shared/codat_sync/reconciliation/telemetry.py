"""Emit reconcile's log lines and metrics, which docs/operations.md explains."""

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING

from aws_lambda_powertools.metrics import MetricUnit

from codat_sync.aws.observability import count, logger, metrics
from codat_sync.core.timestamps import format_optional_timestamp
from codat_sync.webhooks.endpoint import EndpointState

if TYPE_CHECKING:
    from codat_sync.reconciliation.completeness import OverallCompleteness
    from codat_sync.reconciliation.reconciler import ComparisonResult
    from codat_sync.reconciliation.run import RunResult

_MAX_IDS = 10


def log_comparison(compared: "ComparisonResult") -> None:
    """Log a comparison; missed webhooks as an error.

    Missed webhooks are counted at once: if the run crashes, the next one no longer sees them as new.
    """
    state = compared.state
    metrics.add_metric("WebhooksMissed", MetricUnit.Count, len(compared.lost))
    if compared.lost:
        logger.error(
            "webhooks missed",
            number=len(compared.lost),
            sync_ids=list(compared.lost[:_MAX_IDS]),
            company_id=state.company_id,
        )
    logger.info(
        "company compared",
        listed=state.listed,
        complete_as_of=format_optional_timestamp(state.complete_as_of),
        enqueued=compared.enqueued,
        reasons=state.reasons,
        problem=state.problem,
        is_superseded=compared.is_superseded,
        company_id=state.company_id,
    )


def log_failure(what: str, error: Exception) -> None:
    """Log and count a failed comparison, or another failed request to Codat."""
    logger.warning(
        "comparison failed",
        subject=what,
        reason=repr(error),
        codat_correlation_id=getattr(error, "correlation_id", None),
    )
    metrics.add_metric("ComparisonsFailed", MetricUnit.Count, 1)


def log_run(result: "RunResult", overall: "OverallCompleteness", now: datetime) -> None:
    """Log and count a run's result and the overall completeness after it."""
    _log_endpoint(result.endpoint)
    found: Counter[str] = Counter()
    for each in result.compared:
        found.update({why.value: number for why, number in (each.new or {}).items()})
    for why, number in found.items():
        count("SyncDiscrepancies", "discrepancy", why, number)
    count("ReconcileRuns", "stopReason", result.stop_reason.value)
    metrics.add_metric("CompaniesCompared", MetricUnit.Count, len(result.compared))
    metrics.add_metric("CompaniesIncomplete", MetricUnit.Count, overall.incomplete)
    metrics.add_metric("CompaniesNeverComplete", MetricUnit.Count, overall.never_complete)
    if overall.complete_as_of:
        age = max(0.0, (now - overall.complete_as_of).total_seconds())
        metrics.add_metric("CompletenessAge", MetricUnit.Seconds, age)
    discovery_progress = result.discovery_progress
    logger.info(
        "reconciliation run finished",
        stop_reason=result.stop_reason.value,
        compared=len(result.compared),
        enqueued=sum(each.enqueued for each in result.compared),
        companies=overall.companies,
        never_complete=overall.never_complete,
        incomplete=overall.incomplete,
        complete_as_of=format_optional_timestamp(overall.complete_as_of),
        companies_listed=discovery_progress and round(discovery_progress.directory.progress, 2),
        companies_new=discovery_progress and discovery_progress.new,
    )


def _log_endpoint(state: EndpointState | None) -> None:
    if state is None:
        return
    is_healthy = state is EndpointState.HEALTHY
    metrics.add_metric("EndpointUnhealthy", MetricUnit.Count, 0 if is_healthy else 1)
    if not is_healthy:
        logger.error("webhook endpoint unhealthy", state=state.value)
