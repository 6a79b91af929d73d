"""Companies as SyncTable holds them: one record each, of which a tombstone is left if the company is forgotten."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from codat_sync.aws.dynamodb import Attributes, Table
from codat_sync.aws.table_schema import COMPANY, RECONCILIATION, company_key, reconciliation_key
from codat_sync.companies.company import Company
from codat_sync.companies.reconciliation_start import schedule_reconciliation
from codat_sync.companies.tombstones import is_erased
from codat_sync.core.errors import ConditionFailedError, VersionConflictError
from codat_sync.core.timestamps import format_timestamp, parse_timestamp
from codat_sync.polling.pending_check import next_version, read_pending_check, with_pending_check, write_pending_check
from codat_sync.polling.schedule import PendingCheck
from codat_sync.webhooks.events import WebhookEvent
from codat_sync.webhooks.processed_events import ProcessedEventRepository

_VERSION = 1
_NOT_SHOWN = {"fetchedAt", "connectionChangedAt"}


@dataclass(frozen=True, slots=True)
class CompanySnapshot:
    """What is known of a company before Codat is asked.

    ``connection_changed_at`` is when we saw that its connection was not as it had been before, None if we never did.
    ``has_reconciliation`` tells that reconcile knows of it. If it ``is_erased``, nothing of it may be written.
    """

    company_id: str
    values: Attributes
    processed_ids: frozenset[str]
    company: Company | None
    pending_check: PendingCheck | None
    fetched_at: datetime | None
    connection_changed_at: datetime | None
    has_reconciliation: bool
    is_erased: bool

    @property
    def version(self) -> int | None:
        """The version of its record, None if there is none."""
        return int(self.values["version"]) if "version" in self.values else None


class CompanyRepository:
    """The companies of SyncTable. Others' attributes of a record are left as they are."""

    def __init__(self, table: Table, *, event_retention: timedelta) -> None:
        self._table = table
        self._events = ProcessedEventRepository(table, event_retention)

    def load_snapshot(self, company_id: str, webhook_ids: Iterable[str]) -> CompanySnapshot:
        """Return a company's record, read consistently, with those of ``webhook_ids`` that were seen."""
        found, processed_ids = self._events.load_with_processed_ids(
            company_key(company_id), webhook_ids, [reconciliation_key(company_id)]
        )
        values = found.get(COMPANY, {})
        return CompanySnapshot(
            company_id=company_id,
            values=values,
            processed_ids=processed_ids,
            company=read_company(values),
            pending_check=read_pending_check(values),
            fetched_at=parse_timestamp(values.get("fetchedAt")),
            connection_changed_at=parse_timestamp(values.get("connectionChangedAt")),
            has_reconciliation=RECONCILIATION in found,
            is_erased=is_erased(values),
        )

    def record_events(self, snapshot: CompanySnapshot, events: Sequence[WebhookEvent], now: datetime) -> None:
        """Remember ``events`` about the company as seen."""
        self._events.record(company_key(snapshot.company_id), events, now)

    def commit(
        self, company: Company, pending_check: PendingCheck | None, snapshot: CompanySnapshot, now: datetime
    ) -> None:
        """Write what Codat says of a company, and how it waits for another look.

        Raises VersionConflictError if its record is not the one of ``snapshot``.
        """
        has_changed = snapshot.company is not None and snapshot.company.connection_status != company.connection_status
        since = now if has_changed else snapshot.connection_changed_at
        said: Attributes = {
            "name": company.name,
            "sourcePlatform": company.source_platform,
            "targetPlatform": company.target_platform,
            "connectionStatus": company.connection_status,
            "isDeleted": company.is_deleted,
            "fetchedAt": format_timestamp(now),
            "connectionChangedAt": since and format_timestamp(since),
        }
        self._ensure_reconciliation(snapshot, now, is_deleted=company.is_deleted)
        self._update(said, pending_check, snapshot, next_version(snapshot.values))

    def defer(self, pending_check: PendingCheck, snapshot: CompanySnapshot) -> None:
        """Let a company wait for another look. Raises VersionConflictError."""
        self._ensure_reconciliation(snapshot, pending_check.since)
        self._update({}, pending_check, snapshot, next_version(snapshot.values))

    def suspend_polling(self, pending_check: PendingCheck, snapshot: CompanySnapshot) -> None:
        """Note why a company is not looked at by itself any more; a check of this version stays good.

        Raises VersionConflictError.
        """
        self._ensure_reconciliation(snapshot, pending_check.since)
        self._update({}, pending_check, snapshot, snapshot.version or 1)

    def _ensure_reconciliation(self, snapshot: CompanySnapshot, now: datetime, *, is_deleted: bool = False) -> None:
        """Have reconcile compare a company from now on: before its record, so that no crash leaves one out."""
        if not (snapshot.has_reconciliation or is_deleted or snapshot.values.get("isDeleted")):
            schedule_reconciliation(self._table, snapshot.company_id, now)

    def _update(
        self, said: Attributes, pending_check: PendingCheck | None, snapshot: CompanySnapshot, version: int
    ) -> None:
        shown = {name: said[name] for name in said if name not in _NOT_SHOWN} | {"companyId": snapshot.company_id}
        summary = {**(snapshot.values.get("summary") or {}), **shown}
        changes = {
            "v": _VERSION,
            "version": version,
            "companyId": snapshot.company_id,
            "summary": with_pending_check(summary, pending_check, version=version),
            **said,
            **write_pending_check(pending_check),
        }
        try:
            self._table.update(company_key(snapshot.company_id), changes, {"version": snapshot.version})
        except ConditionFailedError as error:
            raise VersionConflictError(f"the record of company {snapshot.company_id} has moved on") from error


def read_company(values: Mapping[str, Any]) -> Company | None:
    """Return the company whose record has these values, None if Codat has not been asked about it yet."""
    if "fetchedAt" not in values:
        return None
    return Company(
        company_id=values["companyId"],
        name=values.get("name"),
        source_platform=values.get("sourcePlatform"),
        target_platform=values.get("targetPlatform"),
        connection_status=values.get("connectionStatus"),
        is_deleted=values.get("isDeleted", False),
    )
