"""Keep tombstones of erased companies in SyncTable, so that no late write restores their data.

A tombstone is the company's own record: every writer reads that anyway, so the check costs nothing. It holds the
company's id, when, why and by whom its erasure was requested, and no data of Codat's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from codat_sync.aws.dynamodb import Attributes, Table
from codat_sync.aws.table_schema import company_key
from codat_sync.core.errors import CompanyErasedError, ConditionFailedError
from codat_sync.core.timestamps import format_timestamp, parse_timestamp

_VERSION = 1
# The attribute that makes a company's record a tombstone.
ERASURE_REQUESTED_AT = "erasureRequestedAt"
_ATTRIBUTES = (ERASURE_REQUESTED_AT, "erasureRequestedBy", "erasureReason", "erasureStartedAt", "erasedAt")

# The condition on a company's record for writing any of its data.
NOT_ERASED: Mapping[str, object] = {ERASURE_REQUESTED_AT: None}


@dataclass(frozen=True, slots=True)
class Tombstone:
    """The erasure of a company. ``started_at`` is None until the deletion of its data begins.

    ``erased_at`` is when no data was left. ``by`` is the AWS identity that requested it.
    """

    company_id: str
    requested_at: datetime
    by: str
    reason: str
    started_at: datetime | None = None
    erased_at: datetime | None = None


def is_erased(record: Mapping[str, Any]) -> bool:
    """Return whether a company's record is a tombstone: none of its data may be written then."""
    return ERASURE_REQUESTED_AT in record


def is_not_erased(table: Table, company_id: str) -> bool:
    """Return whether a company is not erased, read consistently."""
    return table.get_attribute(company_key(company_id), ERASURE_REQUESTED_AT) is None


def require_not_erased(table: Table, company_id: str) -> None:
    """Return if a company is not erased, read consistently. Raises CompanyErasedError."""
    if not is_not_erased(table, company_id):
        raise CompanyErasedError(company_id)


class TombstoneRepository:
    """The tombstones in SyncTable. Writes raise ConditionFailedError if a concurrent writer was first."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def load(self, company_id: str) -> Tombstone | None:
        """Load a company's tombstone, read consistently, None if it is not erased."""
        return _read(self._record(company_id))

    def put(self, company_id: str, by: str, reason: str, now: datetime) -> Tombstone:
        """Mark a company as erased, if it is not yet. Returns its tombstone, possibly an earlier one.

        The version of its record increases, so that earlier responses of Codat's are not written there.
        """
        record = self._record(company_id)
        if existing := _read(record):
            return existing
        stone = Tombstone(company_id, now, by, reason)
        version = record.get("version")
        changes = _write(stone, int(version or 0) + 1)
        self._table.update(company_key(company_id), changes, {ERASURE_REQUESTED_AT: None, "version": version})
        return stone

    def begin(self, stone: Tombstone, now: datetime) -> None:
        """Record that the deletion has begun: from now on some of the company's data may be gone."""
        if stone.started_at is None:
            changes = {"erasureStartedAt": format_timestamp(now)}
            self._table.update(company_key(stone.company_id), changes, _expected(stone))

    def finish(self, company_id: str, now: datetime) -> Tombstone:
        """Reduce a company's record to its tombstone and record that no other data is left. Returns the tombstone."""
        record = self._record(company_id)
        stone = _read(record)
        if stone is None:
            raise ConditionFailedError(f"company {company_id} no longer has a tombstone")
        changes = _write(stone, int(record["version"])) | {"erasedAt": format_timestamp(now)}
        kept = {name: value for name, value in changes.items() if value is not None}
        self._table.put(company_key(company_id) | kept, _expected(stone))
        return Tombstone(company_id, stone.requested_at, stone.by, stone.reason, stone.started_at, now)

    def remove(self, stone: Tombstone, by: str, reason: str, now: datetime) -> None:
        """Lift the erasure block, and record who requested that, when and why."""
        changes: Attributes = dict.fromkeys(_ATTRIBUTES)
        changes |= {"blockLiftedAt": format_timestamp(now), "blockLiftedBy": by, "blockLiftReason": reason}
        self._table.update(company_key(stone.company_id), changes, _expected(stone))

    def _record(self, company_id: str) -> Attributes:
        return next(iter(self._table.get([company_key(company_id)])), {})


def _expected(stone: Tombstone) -> Attributes:
    began = stone.started_at
    return {
        ERASURE_REQUESTED_AT: format_timestamp(stone.requested_at),
        "erasureStartedAt": began and format_timestamp(began),
    }


def _write(stone: Tombstone, version: int) -> Attributes:
    return {
        "v": _VERSION,
        "version": version,
        "companyId": stone.company_id,
        ERASURE_REQUESTED_AT: format_timestamp(stone.requested_at),
        "erasureRequestedBy": stone.by,
        "erasureReason": stone.reason,
        "erasureStartedAt": stone.started_at and format_timestamp(stone.started_at),
    }


def _read(record: Mapping[str, Any]) -> Tombstone | None:
    requested_at = parse_timestamp(record.get(ERASURE_REQUESTED_AT))
    if requested_at is None:
        return None
    return Tombstone(
        company_id=record["companyId"],
        requested_at=requested_at,
        by=record["erasureRequestedBy"],
        reason=record["erasureReason"],
        started_at=parse_timestamp(record.get("erasureStartedAt")),
        erased_at=parse_timestamp(record.get("erasedAt")),
    )
