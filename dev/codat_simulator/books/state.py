"""The state of simulated Codat, safe to change while requests are being answered."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from threading import RLock
from typing import Unpack
from uuid import uuid4

from dev.codat_simulator.books.models import (
    Company,
    CompanyFields,
    Item,
    Sync,
    SyncChanges,
    SyncFields,
    WebhookConsumer,
    implied_by,
)
from dev.codat_simulator.books.timestamps import format_seven_fraction_digits, utc_now
from dev.codat_simulator.wire import JsonObject


class State:
    """All companies, syncs and webhook consumers, in order of creation."""

    def __init__(self, now: Callable[[], datetime] = utc_now) -> None:
        self.now = now
        self._lock = RLock()
        self._companies: dict[str, Company] = {}
        self._syncs: dict[str, Sync] = {}
        self._consumers: tuple[WebhookConsumer, ...] = ()

    # ---------------------------------------------------------------- companies

    @property
    def companies(self) -> tuple[Company, ...]:
        """All companies that were not deleted."""
        with self._lock:
            return tuple(self._companies.values())

    def company(self, company_id: str) -> Company:
        """Return a company; raises KeyError."""
        return self._companies[company_id]

    def add_company(
        self,
        name: str = Company.name,
        *,
        company_id: str | None = None,
        **fields: Unpack[CompanyFields],
    ) -> Company:
        """Add a company with two linked connections."""
        created = format_seven_fraction_digits(self.now())
        company = Company(company_id or str(uuid4()), name, created=created, **fields)
        with self._lock:
            self._companies[company.company_id] = company
        return company

    def set_connection_status(self, company_id: str, status: str) -> Company:
        """Set the status of a company's connection to its accounting software, such as `Deauthorized`."""
        with self._lock:
            self._companies[company_id] = replace(self._companies[company_id], connection_status=status)
            return self._companies[company_id]

    def configure(self, company_id: str, configuration: JsonObject) -> Company:
        """Set a company's configuration of Sync for Expenses; raises KeyError."""
        with self._lock:
            self._companies[company_id] = replace(self._companies[company_id], configuration=configuration)
            return self._companies[company_id]

    def delete_company(self, company_id: str) -> None:
        """Delete a company: Codat returns 404 from now on, also for its syncs."""
        with self._lock:
            del self._companies[company_id]

    # ---------------------------------------------------------------- syncs

    @property
    def syncs(self) -> tuple[Sync, ...]:
        """All syncs of all companies."""
        with self._lock:
            return tuple(self._syncs.values())

    def sync(self, sync_id: str) -> Sync:
        """Return the current state of a sync; raises KeyError."""
        return self._syncs[sync_id]

    def syncs_of(self, company_id: str) -> tuple[Sync, ...]:
        """All syncs of one company."""
        return tuple(sync for sync in self.syncs if sync.company_id == company_id)

    def add_sync(
        self,
        company: Company,
        code: int = 2000,
        items: Iterable[Item] = (),
        *,
        sync_id: str | None = None,
        **fields: Unpack[SyncFields],
    ) -> Sync:
        """Add a sync. Its details follow from the code unless given."""
        sync = Sync(
            company.company_id,
            sync_id or str(uuid4()),
            code,
            tuple(items),
            sync_utc=format_seven_fraction_digits(self.now()),
        )
        sync = replace(replace(sync, **implied_by(code)), **fields)
        with self._lock:
            self._syncs[sync.sync_id] = sync
        return sync

    def change_sync(self, sync_id: str, **changes: Unpack[SyncChanges]) -> Sync:
        """Change a sync; its details follow from a new code unless given."""
        with self._lock:
            sync = self._syncs[sync_id]
            if "code" in changes:
                sync = replace(sync, **implied_by(changes["code"]))
            sync = self._syncs[sync_id] = replace(sync, **changes)
        return sync

    # ---------------------------------------------------------------- webhook consumers

    @property
    def webhook_consumers(self) -> tuple[WebhookConsumer, ...]:
        """The registered webhook consumers."""
        return self._consumers

    def set_webhook_consumer(
        self,
        url: str,
        *,
        disabled: bool = False,
        event_types: Iterable[str] = WebhookConsumer.event_types,
        company_tags: Iterable[str] = (),
    ) -> WebhookConsumer:
        """Register the only consumer; Codat sets `disabled` after five days of failures."""
        consumer = WebhookConsumer(str(uuid4()), url, disabled, tuple(event_types), tuple(company_tags))
        self._consumers = (consumer,)
        return consumer
