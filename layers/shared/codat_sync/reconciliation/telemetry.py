"""What reconcile tells of its work: lines of the log and metrics, whose meaning is in docs/operations.md."""

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING

from aws_lambda_powertools.metrics import MetricUnit

from codat_sync.aws.observability import count, logger, metrics
from codat_sync.core.timestamps import format_known
from codat_sync.webhooks.endpoint import EndpointState

if TYPE_CHECKING:
    from codat_sync.reconciliation.completeness import OverallCompleteness
    from codat_sync.reconciliation.reconciler import Compared
    from codat_sync.reconciliation.run import Round

_MOST_IDS = 10


def tell(compared: "Compared") -> None:
    """Log a comparison; as an error what tells that webhooks are lost.

    That is counted at once: should the round crash, the next one finds it no longer new.
    """
    known = compared.known
    metrics.add_metric("SyncsUnannounced", MetricUnit.Count, len(compared.lost))
    if compared.lost:
        logger.error(
            "unannounced",
            number=len(compared.lost),
            sync_ids=list(compared.lost[:_MOST_IDS]),
            company_id=known.company_id,
        )
    logger.info(
        "compared",
        listed=known.listed,
        complete_as_of=format_known(known.complete_as_of),
        enqueued=compared.enqueued,
        reasons=known.reasons,
        problem=known.problem,
        is_outrun=compared.is_outrun,
        company_id=known.company_id,
    )


def tell_failure(what: str, error: Exception) -> None:
    """Log that a comparison, or what else was asked of Codat, came to nothing."""
    logger.warning(
        "not compared", what=what, reason=repr(error), codat_correlation_id=getattr(error, "correlation_id", None)
    )
    metrics.add_metric("ComparisonsFailed", MetricUnit.Count, 1)


def tell_round(went: "Round", overall: "OverallCompleteness", now: datetime) -> None:
    """Log and count what a round came to, and how complete the table is after it."""
    _tell_endpoint(went.endpoint)
    found: Counter[str] = Counter()
    for each in went.compared:
        found.update({why.value: number for why, number in (each.new or {}).items()})
    for why, number in found.items():
        count("SyncsFound", "why", why, number)
    count("ReconcileEnded", "reason", went.end.value)
    metrics.add_metric("CompaniesCompared", MetricUnit.Count, len(went.compared))
    metrics.add_metric("CompaniesIncomplete", MetricUnit.Count, overall.incomplete)
    metrics.add_metric("CompaniesNeverComplete", MetricUnit.Count, overall.never)
    if overall.complete_as_of:
        age = max(0.0, (now - overall.complete_as_of).total_seconds())
        metrics.add_metric("CompletenessAge", MetricUnit.Seconds, age)
    discovered = went.discovered
    logger.info(
        "round",
        end=went.end.value,
        compared=len(went.compared),
        enqueued=sum(each.enqueued for each in went.compared),
        companies=overall.companies,
        never_complete=overall.never,
        incomplete=overall.incomplete,
        complete_as_of=format_known(overall.complete_as_of),
        companies_listed=discovered and round(discovered.directory.progress, 2),
        companies_new=discovered and discovered.new,
    )


def _tell_endpoint(state: EndpointState | None) -> None:
    if state is None:
        return
    is_well = state is EndpointState.WELL
    metrics.add_metric("EndpointTrouble", MetricUnit.Count, 0 if is_well else 1)
    if not is_well:
        logger.error("endpoint", state=state.value)
