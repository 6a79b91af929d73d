"""What the worker tells of its work: a line of the log for each piece, and metrics for each batch.

Ids and outcomes only: messages of Codat's hold personal data. What each metric means is in docs/operations.md.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from codat_sync.done import Change, Done, Ingested
from codat_sync.instant import format_instant
from codat_sync.news import CompanyNews, News, NotOurs, RunNews, SyncNews, event_type
from codat_sync.observability import count, logger, metrics
from codat_sync.quota import Gate
from codat_sync.transaction import status_counts

_KINDS = {SyncNews: "Sync", CompanyNews: "Company", RunNews: "Run", NotOurs: "EventNotOurs"}


def log_done(news: Sequence[News], done: Done) -> None:
    """Log what came of ``news``, all about the same; as an error what a person should look at."""
    fields: dict[str, Any] = {"kind": type(news[0]).__name__, "change": done.change} | _about(news)
    if isinstance(done, Ingested):
        fields |= _ingested(done)
        if done.report:
            logger.error(done.report.value, **fields)
    logger.info("done", **fields)


def _about(news: Sequence[News]) -> dict[str, Any]:
    first = news[0]
    about: dict[str, Any] = {
        name: getattr(first, name) for name in ("company_id", "sync_id", "run", "webhook_id") if hasattr(first, name)
    }
    events = [each.event for each in news if isinstance(each, SyncNews | CompanyNews) and each.event]
    if isinstance(first, SyncNews | CompanyNews):
        about["correlation_ids"] = [each.correlation_id for each in news if isinstance(each, SyncNews | CompanyNews)]
    if events:
        about["webhook_ids"] = [event.webhook_id for event in events]
    return about


def _ingested(done: Ingested) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if done.sync:
        fields |= {"code": done.sync.status.code, "outcome": done.sync.outcome, "transactions": len(done.sync.items)}
    if done.waiting:
        due_at = done.waiting.due_at
        fields |= {"trouble": done.waiting.trouble, "due_at": due_at and format_instant(due_at)}
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
        if isinstance(done, Ingested) and id(done) not in self._added:
            self._added[id(done)] = done
            self._add_ingested(done)

    def _add_ingested(self, done: Ingested) -> None:
        if done.report:
            metrics.add_metric(f"Sync{done.report.capitalize()}", MetricUnit.Count, 1)
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
