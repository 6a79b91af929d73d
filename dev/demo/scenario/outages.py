"""Simulate Codat's failures: an outage, an exhausted quota, and a sync that finishes without a webhook."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from codat_sync.syncs.status_codes import Outcome
from dev.codat_simulator.books.models import Company, Sync
from dev.codat_simulator.control.client import SimulatorControl
from dev.codat_simulator.control.messages import NewWebhook
from dev.codat_simulator.faults import Fault
from dev.demo.scenario.delivery import DeliveryScenario, Sent
from dev.demo.scenario.syncs import Planned
from dev.waiting import poll

if TYPE_CHECKING:
    from codat_sync.syncs.repository import SyncRepository

_SYNCS = 3
# The number of calls made for each sync before its message returns to the queue.
_STORM_CALLS = 3 * _SYNCS
_QUOTA = 5_000
_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Outages:
    """Causes failures one after another. ``tick`` invokes the stack's clock."""

    codat: SimulatorControl
    delivering: DeliveryScenario
    store: "SyncRepository"
    tick: Callable[[], object]
    company: Company

    def fail_all_requests(self) -> list[Sent]:
        """Answer 503 to every request while webhooks arrive."""
        syncs = self._add_syncs(5130)
        self.codat.add_fault(Fault("status", status=503, times=_STORM_CALLS))
        return self.delivering.deliver([_webhook_for(sync) for sync in syncs], max_in_flight=_SYNCS)

    def exhaust_quota(self) -> list[Sent]:
        """Exhaust the daily quota while webhooks arrive; Codat is not called until it reports a reset."""
        syncs = self._add_syncs(2000)
        self.codat.set_remaining_quota(0)
        sent = self.delivering.deliver([_webhook_for(sync) for sync in syncs])
        self._wait_until(lambda: self._all_have_outcome(syncs, {Outcome.ANNOUNCED}))
        self.codat.set_remaining_quota(_QUOTA)
        sent += self.delivering.deliver([Planned(NewWebhook(event_type="client.rateLimit.reset"))])
        self._wait_until(lambda: self._all_have_outcome(syncs, {Outcome.SUCCEEDED}))
        return sent

    def complete_without_webhook(self) -> list[Sent]:
        """Finish a sync in progress without sending a webhook."""
        sync = self.codat.add_sync(company_id=self.company.company_id, code=1000, generate=12)
        sent = self.delivering.deliver([_webhook_for(sync)])
        ended = tuple(replace(item, status="Completed") for item in sync.items)
        self.codat.change_sync(sync.sync_id, code=2000, items=ended)
        self._wait_until(lambda: self._all_have_outcome([sync], {Outcome.SUCCEEDED}))
        return sent

    def _add_syncs(self, code: int) -> list[Sync]:
        new = {"company_id": self.company.company_id, "code": code, "generate": 6}
        return [self.codat.add_sync(**new) for _ in range(_SYNCS)]  # type: ignore[arg-type]

    def _all_have_outcome(self, syncs: Iterable[Sync], outcomes: set[Outcome]) -> bool:
        documents = [self.store.load_sync(sync.sync_id) for sync in syncs]
        return all(document and document.outcome in outcomes for document in documents)

    def _wait_until(self, condition: Callable[[], bool]) -> None:
        """Invoke the clock until ``condition`` holds or a timeout; the comparison then reports what is missing."""
        poll(condition, pause_seconds=_POLL_SECONDS, advance=self.tick)


def _webhook_for(sync: Sync) -> Planned:
    return Planned(NewWebhook(sync_id=sync.sync_id), sync.sync_id)
