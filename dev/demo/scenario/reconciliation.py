"""Lose a webhook, find its sync through reconciliation, and confirm that the table is complete."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from codat_sync.aws.table_schema import reconciliation_key
from codat_sync.core.timestamps import format_timestamp
from codat_sync.reconciliation.completeness import Completeness
from codat_sync.syncs.repository import SyncRepository
from dev.codat_simulator.books.models import Item
from dev.waiting import poll

if TYPE_CHECKING:
    from codat_sync.aws.dynamodb import Table
    from dev.codat_simulator.books.models import Company
    from dev.codat_simulator.control.client import SimulatorControl

# Old enough that its webhook can no longer be in transit.
_AGE = timedelta(hours=1)


@dataclass(frozen=True)
class ReconciliationOutcome:
    """The number of lost webhooks, of syncs found for them, and of companies; and the completeness of the table."""

    lost: int
    found: int
    companies: int
    complete_as_of: datetime | None


@dataclass(frozen=True)
class Reconciler:
    """Runs reconciliation. ``invoke`` starts a run at once instead of every five minutes."""

    codat: "SimulatorControl"
    table: "Table"
    invoke: Callable[[], object]

    def reconcile(self, company: "Company") -> ReconciliationOutcome:
        """Lose a webhook, find its sync, and confirm completeness."""
        ended = (datetime.now(UTC) - _AGE).isoformat()
        items = tuple(Item(f"unannounced-{number}") for number in range(3))
        sync = self.codat.add_sync(company_id=company.company_id, code=2000, items=items, sync_utc=ended)
        self._run_reconciliation()
        store = SyncRepository(self.table, event_retention=timedelta())  # it is only read
        is_found = poll(lambda: store.load_sync(sync.sync_id) is not None)
        self._run_reconciliation()
        overall = Completeness(self.table).overall()
        return ReconciliationOutcome(1, int(is_found), overall.companies, overall.complete_as_of)

    def _run_reconciliation(self) -> None:
        """Make all companies due, as they are after half an hour, and compare them."""
        long_ago = format_timestamp(datetime.now(UTC) - _AGE)
        for company in list(Completeness(self.table).companies()):
            self.table.update(reconciliation_key(company.company_id), {"reconcileAt": long_ago}, {})
        self.invoke()
