"""Companies as SyncTable holds them: one record each, of which a tombstone is left if the company is forgotten."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from codat_sync.aws.dynamodb import Table, Values
from codat_sync.aws.table_schema import COMPANY, RECONCILIATION, company_key, reconciliation_key
from codat_sync.companies.company import Company
from codat_sync.companies.reconciliation_start import schedule_reconciliation
from codat_sync.companies.tombstones import is_forgotten
from codat_sync.core.errors import ConditionFailedError, VersionMovedError
from codat_sync.core.timestamps import format_instant, parse_instant
from codat_sync.polling.poll_state import next_version, read_waiting, with_waiting, write_waiting
from codat_sync.polling.schedule import Waiting
from codat_sync.webhooks.events import WebhookEvent
from codat_sync.webhooks.processed_events import SeenEvents

_VERSION = 1
_NOT_SHOWN = {"fetchedAt", "connectionSince"}


@dataclass(frozen=True, slots=True)
class CompanyHead:
    """What is known of a company before Codat is asked.

    ``connection_since`` is when we saw that its connection was not as it had been before, None if we never did.
    ``is_compared`` tells that reconcile knows of it. If it ``is_forgotten``, nothing of it may be written.
    """

    company_id: str
    values: Values
    seen: frozenset[str]
    company: Company | None
    waiting: Waiting | None
    fetched_at: datetime | None
    connection_since: datetime | None
    is_compared: bool
    is_forgotten: bool

    @property
    def version(self) -> int | None:
        """The version of its record, None if there is none."""
        return int(self.values["version"]) if "version" in self.values else None


class CompanyStore:
    """The companies of SyncTable. Others' attributes of a record are left as they are."""

    def __init__(self, table: Table, *, event_retention: timedelta) -> None:
        self._table = table
        self._events = SeenEvents(table, event_retention)

    def load_head(self, company_id: str, webhook_ids: Iterable[str]) -> CompanyHead:
        """Return a company's record, read consistently, with those of ``webhook_ids`` that were seen."""
        found, seen = self._events.load_with(company_key(company_id), webhook_ids, [reconciliation_key(company_id)])
        values = found.get(COMPANY, {})
        return CompanyHead(
            company_id=company_id,
            values=values,
            seen=seen,
            company=read_company(values),
            waiting=read_waiting(values),
            fetched_at=parse_instant(values.get("fetchedAt")),
            connection_since=parse_instant(values.get("connectionSince")),
            is_compared=RECONCILIATION in found,
            is_forgotten=is_forgotten(values),
        )

    def put_events(self, head: CompanyHead, events: Sequence[WebhookEvent], now: datetime) -> None:
        """Remember ``events`` about the company as seen."""
        self._events.put(company_key(head.company_id), events, now)

    def commit(self, company: Company, waiting: Waiting | None, head: CompanyHead, now: datetime) -> None:
        """Write what Codat says of a company, and how it waits for another look.

        Raises VersionMovedError if its record is not the one of ``head``.
        """
        has_changed = head.company is not None and head.company.connection_status != company.connection_status
        since = now if has_changed else head.connection_since
        said: Values = {
            "name": company.name,
            "sourcePlatform": company.source_platform,
            "targetPlatform": company.target_platform,
            "connectionStatus": company.connection_status,
            "isDeleted": company.is_deleted,
            "fetchedAt": format_instant(now),
            "connectionSince": since and format_instant(since),
        }
        self._have_compared(head, now, is_deleted=company.is_deleted)
        self._update(said, waiting, head, next_version(head.values))

    def put_down(self, waiting: Waiting, head: CompanyHead) -> None:
        """Let a company wait for another look. Raises VersionMovedError."""
        self._have_compared(head, waiting.since)
        self._update({}, waiting, head, next_version(head.values))

    def park(self, waiting: Waiting, head: CompanyHead) -> None:
        """Note why a company is not looked at by itself any more; a check of this version stays good.

        Raises VersionMovedError.
        """
        self._have_compared(head, waiting.since)
        self._update({}, waiting, head, head.version or 1)

    def _have_compared(self, head: CompanyHead, now: datetime, *, is_deleted: bool = False) -> None:
        """Have reconcile compare a company from now on: before its record, so that no crash leaves one out."""
        if not (head.is_compared or is_deleted or head.values.get("isDeleted")):
            schedule_reconciliation(self._table, head.company_id, now)

    def _update(self, said: Values, waiting: Waiting | None, head: CompanyHead, version: int) -> None:
        shown = {name: said[name] for name in said if name not in _NOT_SHOWN} | {"companyId": head.company_id}
        summary = {**(head.values.get("summary") or {}), **shown}
        changes = {
            "v": _VERSION,
            "version": version,
            "companyId": head.company_id,
            "summary": with_waiting(summary, waiting, version=version),
            **said,
            **write_waiting(waiting),
        }
        try:
            self._table.update(company_key(head.company_id), changes, {"version": head.version})
        except ConditionFailedError as error:
            raise VersionMovedError(f"the record of company {head.company_id} has moved on") from error


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
