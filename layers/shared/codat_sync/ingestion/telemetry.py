"""What the worker tells of its work: a line of the log for each piece, and metrics for each batch.

Ids and outcomes only: messages of Codat's hold personal data. What each metric means is in docs/operations.md.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from codat_sync.aws.observability import count, logger, metrics
from codat_sync.core.timestamps import format_instant
from codat_sync.ingestion.results import Change, Done, Ingested, Refreshed
from codat_sync.ingestion.tasks import (
    CompanyNews,
    News,
    NotOurs,
    RunNews,
    SyncNews,
    correlation_id,
    event_type,
    webhook_id,
)
from codat_sync.polling.schedule import Report
from codat_sync.rate_limits.quota import Gate
from codat_sync.syncs.items import status_counts

_KINDS = {SyncNews: "Sync", CompanyNews: "Company", RunNews: "Run", NotOurs: "EventNotOurs"}


def log_done(news: Sequence[News], done: Done) -> None:
    """Log what came of ``news``, all about the same; as an error what a person should look at."""
    fields: dict[str, Any] = {"kind": type(news[0]).__name__, "change": done.change} | about(news)
    if isinstance(done, Ingested):
        fields |= _ingested(done)
    if isinstance(done, Refreshed) and done.company:
        fields |= {"connection_status": done.company.connection_status, "is_deleted": done.company.is_deleted}
    logger.info("done", **fields)


def tell(news: SyncNews, found: Report) -> None:
    """Log, as an error, and count what a person should hear of."""
    logger.error(found.value, **about([news]))
    count(f"Sync{found.capitalize()}")


def about(news: Sequence[News]) -> dict[str, Any]:
    """Return the ids that ``news``, all about the same, have."""
    first = news[0]
    found: dict[str, Any] = {
        name: getattr(first, name) for name in ("company_id", "sync_id", "run") if hasattr(first, name)
    }
    found["correlation_ids"] = [correlation_id(each) for each in news if correlation_id(each)]
    found["webhook_ids"] = [webhook_id(each) for each in news if webhook_id(each)]
    return {name: ids for name, ids in found.items() if ids}


def _ingested(done: Ingested) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if done.sync:
        fields |= {"code": done.sync.status.code, "outcome": done.sync.outcome, "transactions": len(done.sync.items)}
    if done.waiting:
        due_at = done.waiting.due_at
        fields |= {"trouble": done.waiting.trouble, "due_at": due_at and format_instant(due_at)}
        fields |= {"codat_correlation_id": done.waiting.codat_correlation_id}
    return fields


class Tally:
    """What a batch comes to, added up, as each count is a line of the log."""

    def __init__(self) -> None:
        self._events: Counter[str] = Counter()
        self._outcomes: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()
        self._added: dict[int, Done] = {}  # by identity: held, so that none is taken for another

    def add(self, news: News | None, done: Done) -> None:
        """Add a message that is done with. What came of several together counts once."""
        kind = _KINDS.get(type(news), "Quota")
        metrics.add_metric(kind if kind == "EventNotOurs" else f"{kind}{done.change.capitalize()}", MetricUnit.Count, 1)
        if news and (name := event_type(news)):
            self._events[name] += 1
        if isinstance(done, Refreshed) and done.change is Change.COMMITTED and done.company and done.company.is_deleted:
            metrics.add_metric("CompanyDeleted", MetricUnit.Count, 1)
        if isinstance(done, Ingested) and id(done) not in self._added:
            self._added[id(done)] = done
            self._add_ingested(done)

    def _add_ingested(self, done: Ingested) -> None:
        if done.sync and done.change is Change.COMMITTED:
            self._outcomes[done.sync.outcome] += 1
            self._statuses.update(status_counts(done.sync.items))
            for lag in done.lags:
                metrics.add_metric("SyncLag", MetricUnit.Milliseconds, lag.total_seconds() * 1000)

    def flush(self, results: Counter[str], gate: Gate) -> None:
        """Write it all, with how Codat answered and what is left of its quota."""
        counters = (
            ("Events", "eventType", self._events),
            ("Syncs", "outcome", self._outcomes),
            ("Transactions", "status", self._statuses),
            ("CodatCalls", "status", results),
        )
        for name, dimension, counter in counters:
            for value, number in counter.items():
                count(name, dimension, value, number)
        if results and gate.quota:
            metrics.add_metric("QuotaRemaining", MetricUnit.Count, gate.quota.remaining)
            metrics.add_metric("QuotaLeft", MetricUnit.Percent, gate.quota.percent_left)
