"""What the worker does about news, whatever they are about."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from codat_sync.ingestion.company_refresh import Refreshing
from codat_sync.ingestion.results import Change, Done, Ingested, Settled
from codat_sync.ingestion.sync_ingestion import MOST_RECEIVES, Ingestion
from codat_sync.ingestion.tasks import CompanyNews, News, NotOurs, QuotaNews, RunNews, SyncNews

if TYPE_CHECKING:
    from codat_sync.rate_limits.gate import SharedGate
    from codat_sync.syncs.repository import Store


@dataclass(frozen=True)
class Work:
    """All that the worker can do."""

    ingestion: Ingestion
    refreshing: Refreshing
    store: "Store"
    gate: "SharedGate"
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock, init=False)

    def do(self, news: Sequence[News], receives: int) -> Done:
        """Do what ``news``, all about the same, call for. Raises what ``Ingestion`` and ``Refreshing`` do."""
        match news[0]:
            case SyncNews():
                return self._take_in(cast("Sequence[SyncNews]", news), receives)
            case CompanyNews():
                return self.refreshing.refresh(cast("Sequence[CompanyNews]", news), receives)
            case QuotaNews(event=event):
                return _settled(is_changed=self.gate.heed(event))
            case RunNews(sync_id=sync_id, run=run):
                return _settled(is_changed=self.store.sweep_run(sync_id, run, self.ingestion.now()))
            case NotOurs():
                return Settled(Change.UNCHANGED)

    def _take_in(self, news: Sequence[SyncNews], receives: int) -> Ingested:
        ingested = self.ingestion.take_in(news, receives)
        if ingested.company_is_stale or ingested.company_is_doubted:
            first = news[0]
            company = CompanyNews(
                first.company_id,
                None,
                None,
                is_deletion=False,
                correlation_id=first.correlation_id,
                is_doubted=ingested.company_is_doubted,
            )
            # If Codat fails now, the company waits in the table, for the sync is done with. While another company is
            # asked about, this one is left to its next sync: nobody waits for a name, but retry does for a connection.
            if self._one_at_a_time.acquire(blocking=ingested.company_is_doubted):
                try:
                    self.refreshing.refresh([company], MOST_RECEIVES)
                finally:
                    self._one_at_a_time.release()
        return ingested


def _settled(*, is_changed: bool) -> Settled:
    return Settled(Change.COMMITTED if is_changed else Change.UNCHANGED)
