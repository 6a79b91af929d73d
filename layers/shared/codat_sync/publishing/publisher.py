"""Publishing: what the table's stream says has happened is told to the event bus."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from codat_sync.companies.company import Company
from codat_sync.publishing.changes import Change, CompanyChange, RetryChange, SyncChange
from codat_sync.publishing.event_derivation import company_facts, retry_facts, statuses, sync_facts, transaction_facts
from codat_sync.publishing.events import Fact

if TYPE_CHECKING:
    from codat_sync.publishing.event_bus import Bus
    from codat_sync.syncs.repository import Store


@dataclass(frozen=True)
class Publishing:
    """How changes are told of."""

    store: "Store"
    bus: "Bus"

    def publish(self, change: Change) -> Counter[str]:
        """Tell what has happened in a change; returns how many facts of each kind that were.

        Raises BusUnavailableError, PoisonError, and what DynamoDB raises: then some may have been told already.
        """
        return self.bus.put(self._facts(change))

    def _facts(self, change: Change) -> Iterator[Fact]:
        match change:
            case SyncChange():
                yield from sync_facts(change.told, change.old, change.new)
                if change.has_other_items:
                    yield from self._transaction_facts(change)
            case RetryChange():
                yield from retry_facts(change.told, change.sync_id, change.old, change.new)
            case CompanyChange(old=old, new=Company() as new):
                yield from company_facts(change.told, old, new)

    def _transaction_facts(self, change: SyncChange) -> Iterator[Fact]:
        """Yield what has happened to the transactions, some parts of both versions in memory at a time.

        Parts are there for a day after their document was replaced, as long as the stream has its record. If old ones
        are gone all the same, what the new one says is told as if it were new: it is true of this version, so who goes
        by versions learns nothing wrong. If new ones are gone, a newer version's record tells what became of them.
        """
        old = statuses(self.store.load_items(change.old.document)) if change.old else {}
        yield from transaction_facts(change.told, change.new, old, self.store.load_items(change.new.document))
