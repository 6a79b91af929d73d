"""Store companies in SyncTable: one record each, reduced to a tombstone when a company is erased."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from codat_sync.aws.dynamodb import SMALL_BATCH_GET, Attributes, Table
from codat_sync.aws.table_schema import (
    COMPANY,
    RECONCILIATION,
    company_key,
    company_list_keys,
    parse_subject_id,
    reconciliation_key,
)
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
    """A company's stored state, read before the request to Codat.

    ``connection_changed_at`` is when a change of its connection was last detected, None if never.
    ``has_reconciliation`` says whether it is scheduled for reconciliation. If it ``is_erased``, none of its data may be
    written.
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
    def is_listed(self) -> bool:
        """Return whether its record is in the list of companies."""
        return is_listed(self.values)

    @property
    def version(self) -> int | None:
        """Return the version of its record, None if there is none."""
        return int(self.values["version"]) if "version" in self.values else None


class CompanyRepository:
    """The companies in SyncTable. Attributes of a record that other modules own are left unchanged."""

    def __init__(self, table: Table, *, event_retention: timedelta) -> None:
        self._table = table
        self._events = ProcessedEventRepository(table, event_retention)

    def load_snapshot(self, company_id: str, webhook_ids: Iterable[str]) -> CompanySnapshot:
        """Load a company's record, read consistently, and which of ``webhook_ids`` were processed."""
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

    def load_names(self, company_ids: Iterable[str]) -> dict[str, str]:
        """Load the names of companies by id, without those whose name is not known: a request per 100 companies.

        Raises UnprocessedItemsError.
        """
        keys = [company_key(each) for each in dict.fromkeys(company_ids)]
        found = self._table.get(keys, ["pk", "name"], size=SMALL_BATCH_GET) if keys else []
        return {parse_subject_id(item["pk"]): item["name"] for item in found if item.get("name")}

    def record_events(self, snapshot: CompanySnapshot, events: Sequence[WebhookEvent], now: datetime) -> None:
        """Record ``events`` about the company as processed."""
        self._events.record(company_key(snapshot.company_id), events, now)

    def commit(
        self, company: Company, pending_check: PendingCheck | None, snapshot: CompanySnapshot, now: datetime
    ) -> None:
        """Store a company as fetched from Codat, with its pending check.

        Raises VersionConflictError if its record has changed since ``snapshot`` was read.
        """
        has_changed = snapshot.company is not None and snapshot.company.connection_status != company.connection_status
        since = now if has_changed else snapshot.connection_changed_at
        fields: Attributes = {
            "name": company.name,
            "sourcePlatform": company.source_platform,
            "targetPlatform": company.target_platform,
            "connectionStatus": company.connection_status,
            "isDeleted": company.is_deleted,
            "fetchedAt": format_timestamp(now),
            "connectionChangedAt": since and format_timestamp(since),
        }
        self._ensure_reconciliation(snapshot, now, is_deleted=company.is_deleted)
        self._update(fields, pending_check, snapshot, next_version(snapshot.values))

    def defer(self, pending_check: PendingCheck, snapshot: CompanySnapshot) -> None:
        """Schedule another check of a company. Raises VersionConflictError."""
        self._ensure_reconciliation(snapshot, pending_check.since)
        self._update({}, pending_check, snapshot, next_version(snapshot.values))

    def suspend_polling(self, pending_check: PendingCheck, snapshot: CompanySnapshot) -> None:
        """Record why a company is no longer polled; queued checks of this version stay valid.

        Raises VersionConflictError.
        """
        self._ensure_reconciliation(snapshot, pending_check.since)
        self._update({}, pending_check, snapshot, snapshot.version or 1)

    def _ensure_reconciliation(self, snapshot: CompanySnapshot, now: datetime, *, is_deleted: bool = False) -> None:
        """Schedule a company's reconciliation. Before its record is written: a crash in between must not skip it."""
        if not (snapshot.has_reconciliation or is_deleted or snapshot.values.get("isDeleted")):
            schedule_reconciliation(self._table, snapshot.company_id, now)

    def _update(
        self, fields: Attributes, pending_check: PendingCheck | None, snapshot: CompanySnapshot, version: int
    ) -> None:
        shown = {name: fields[name] for name in fields if name not in _NOT_SHOWN} | {"companyId": snapshot.company_id}
        summary = {**(snapshot.values.get("summary") or {}), **shown}
        changes = {
            "v": _VERSION,
            "version": version,
            "companyId": snapshot.company_id,
            "summary": with_pending_check(summary, pending_check, version=version),
            **company_list_keys(snapshot.company_id),
            **fields,
            **write_pending_check(pending_check),
        }
        try:
            self._table.update(company_key(snapshot.company_id), changes, {"version": snapshot.version})
        except ConditionFailedError as error:
            raise VersionConflictError(f"the record of company {snapshot.company_id} has changed") from error


def is_listed(record: Mapping[str, Any]) -> bool:
    """Return whether a company's record is in the list of companies: those that version 0.2.0 wrote are not."""
    return "companyPk" in record


def read_company(values: Mapping[str, Any]) -> Company | None:
    """Read a company from its record's values, None if it has not been fetched from Codat yet."""
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
