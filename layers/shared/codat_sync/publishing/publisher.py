"""Publish the changes in the table's stream as events on the event bus."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codat_sync.companies.company import Company
from codat_sync.publishing.changes import Change, CompanyChange, RetryChange, SubmissionChange, SyncChange
from codat_sync.publishing.event_derivation import (
    derive_company_events,
    derive_retry_events,
    derive_submission_events,
    derive_sync_events,
    derive_transaction_events,
    statuses,
)
from codat_sync.publishing.events import DomainEvent

if TYPE_CHECKING:
    from codat_sync.publishing.event_bus import EventBus
    from codat_sync.syncs.repository import SyncRepository


@dataclass(frozen=True)
class Publisher:
    """Publish events for changes."""

    store: "SyncRepository"
    bus: "EventBus"

    def publish(self, change: Change) -> Counter[str]:
        """Publish the events of a change; return their counts by event type.

        Raises EventBusUnavailableError, PoisonMessageError, and whatever DynamoDB raises: then some events may have
        been published already.
        """
        return self.bus.put(self._events(change))

    def _events(self, change: Change) -> Iterator[DomainEvent]:
        match change:
            case SyncChange():
                yield from derive_sync_events(change.item_version, change.old, change.new)
                if change.has_changed_items:
                    yield from self._transaction_events(change)
            case RetryChange():
                yield from derive_retry_events(change.item_version, change.sync_id, change.old, change.new)
            case SubmissionChange():
                yield from derive_submission_events(change.item_version, change.old, change.new)
            case CompanyChange(old=old, new=Company() as new):
                yield from derive_company_events(change.item_version, old, new)

    def _transaction_events(self, change: SyncChange) -> Iterator[DomainEvent]:
        """Yield the transactions' events, with only some parts of both versions in memory at a time.

        Parts are kept for a day after their record was replaced, as long as the stream keeps its entry. If old parts
        are gone nevertheless, every state in the new version is published as new, which is correct for this version. If
        new parts are gone, a newer version publishes their state.
        """
        old = statuses(self.store.load_items(change.old.record)) if change.old else {}
        yield from derive_transaction_events(
            change.item_version, change.new, old, self.store.load_items(change.new.record)
        )
