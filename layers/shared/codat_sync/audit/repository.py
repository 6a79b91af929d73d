"""Store audit entries in SyncTable."""

from datetime import datetime

from codat_sync.audit.entry import OUTLIVE_ERASURE, AuditEntry
from codat_sync.aws.dynamodb import Attributes, Table
from codat_sync.aws.table_schema import Partition, audit_month, audit_of_sync, audit_sort_key
from codat_sync.core.timestamps import format_timestamp

_VERSION = 1


class AuditRepository:
    """The audit in SyncTable: one partition for each month, and one for each sync with an action."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def record(self, entry: AuditEntry) -> None:
        """Store an entry in its month, and with its sync if it has one, atomically. Recorded again, it is replaced.

        Raises DynamoDB's errors: then the action must not be reported as done.
        """
        partitions = [audit_month(entry.position[:7])] + ([audit_of_sync(entry.sync_id)] if entry.sync_id else [])
        sort_key, attributes = audit_sort_key(entry.position), _to_attributes(entry.bounded)
        self._table.transact([({"pk": each.value, "sk": sort_key} | attributes, {}) for each in partitions])

    def load_month(self, month: str, after: str | None, limit: int) -> tuple[list[AuditEntry], bool]:
        """Load entries of a month (``2026-11``), newest first, from before a position; and whether there are more."""
        return self._load(audit_month(month), after, limit)

    def load_of_sync(self, sync_id: str, after: str | None, limit: int) -> tuple[list[AuditEntry], bool]:
        """Load entries about a sync, newest first, from before a position; and whether there are more."""
        return self._load(audit_of_sync(sync_id), after, limit)

    def _load(self, partition: Partition, after: str | None, limit: int) -> tuple[list[AuditEntry], bool]:
        start = None if after is None else audit_sort_key(after)
        items, has_more = self._table.query_page(partition, start, limit, newest_first=True)
        return [_to_entry(item) for item in items], has_more


def _to_attributes(entry: AuditEntry) -> Attributes:
    # Erasure deletes what has the company's id as ``companyId``.
    company = "erasedCompanyId" if entry.action in OUTLIVE_ERASURE else "companyId"
    content = {
        "v": _VERSION,
        "at": format_timestamp(entry.at),
        "actor": entry.actor,
        "action": str(entry.action),
        "syncId": entry.sync_id,
        company: entry.company_id,
        "details": dict(entry.details) or None,
    }
    return {name: value for name, value in content.items() if value is not None}


def _to_entry(item: Attributes) -> AuditEntry:
    return AuditEntry(
        at=datetime.fromisoformat(item["at"]),
        actor=item["actor"],
        action=item["action"],
        sync_id=item.get("syncId"),
        company_id=item.get("companyId") or item.get("erasedCompanyId"),
        details=item.get("details", {}),
        entry_id=item["sk"].rpartition("#")[2],
    )
