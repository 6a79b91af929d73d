"""Companies that were forgotten on request: what is left of them in SyncTable, so that nothing late writes them again.

A tombstone is the company's own record: who is about to write something of a company reads that anyway, so that it
costs nothing to look. It holds the company's id, when and why it was forgotten and by whom, and nothing of Codat's.
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
# The attribute by which a company's record is a tombstone.
ERASURE_REQUESTED_AT = "erasureRequestedAt"
_ATTRIBUTES = (ERASURE_REQUESTED_AT, "erasureRequestedBy", "erasureReason", "erasureStartedAt", "erasedAt")

# What a company's record has to be like for anything of the company to be written.
NOT_ERASED: Mapping[str, object] = {ERASURE_REQUESTED_AT: None}


@dataclass(frozen=True, slots=True)
class Tombstone:
    """That a company was forgotten. ``started_at`` is None while all of it is still there.

    ``erased_at`` is when nothing was found of it any more. ``by`` is who asked for it: an identity of AWS's.
    """

    company_id: str
    requested_at: datetime
    by: str
    reason: str
    started_at: datetime | None = None
    erased_at: datetime | None = None


def is_erased(record: Mapping[str, Any]) -> bool:
    """Return whether the record of a company says that it was forgotten: nothing of it may be written then."""
    return ERASURE_REQUESTED_AT in record


def is_not_erased(table: Table, company_id: str) -> bool:
    """Return whether a company was not forgotten, read consistently."""
    return table.get_attribute(company_key(company_id), ERASURE_REQUESTED_AT) is None


def require_not_erased(table: Table, company_id: str) -> None:
    """Return if a company was not forgotten, read consistently. Raises CompanyErasedError."""
    if not is_not_erased(table, company_id):
        raise CompanyErasedError(company_id)


class TombstoneRepository:
    """The tombstones of SyncTable. A change raises ConditionFailedError if somebody else was quicker."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def load(self, company_id: str) -> Tombstone | None:
        """Return a company's tombstone, read consistently, None if it was not forgotten."""
        return _read(self._record(company_id))

    def put(self, company_id: str, by: str, reason: str, now: datetime) -> Tombstone:
        """Have a company forgotten, if it is not yet; returns its tombstone, perhaps that of an earlier time.

        The version of its record moves, so that what was asked of Codat before is not written there.
        """
        record = self._record(company_id)
        if known := _read(record):
            return known
        stone = Tombstone(company_id, now, by, reason)
        version = record.get("version")
        changes = _write(stone, int(version or 0) + 1)
        self._table.update(company_key(company_id), changes, {ERASURE_REQUESTED_AT: None, "version": version})
        return stone

    def begin(self, stone: Tombstone, now: datetime) -> None:
        """Note that the company is being erased: from now on something of it may be gone."""
        if stone.started_at is None:
            changes = {"erasureStartedAt": format_timestamp(now)}
            self._table.update(company_key(stone.company_id), changes, _as_known(stone))

    def finish(self, company_id: str, now: datetime) -> Tombstone:
        """Leave nothing of a company's record but the tombstone, and note that nothing else is left; returns it."""
        record = self._record(company_id)
        stone = _read(record)
        if stone is None:
            raise ConditionFailedError(f"company {company_id} has no tombstone any more")
        changes = _write(stone, int(record["version"])) | {"erasedAt": format_timestamp(now)}
        kept = {name: value for name, value in changes.items() if value is not None}
        self._table.put(company_key(company_id) | kept, _as_known(stone))
        return Tombstone(company_id, stone.requested_at, stone.by, stone.reason, stone.started_at, now)

    def remove(self, stone: Tombstone, by: str, reason: str, now: datetime) -> None:
        """Have a company known again, and keep who wanted that, when and why."""
        changes: Attributes = dict.fromkeys(_ATTRIBUTES)
        changes |= {"blockLiftedAt": format_timestamp(now), "blockLiftedBy": by, "blockLiftReason": reason}
        self._table.update(company_key(stone.company_id), changes, _as_known(stone))

    def _record(self, company_id: str) -> Attributes:
        return next(iter(self._table.get([company_key(company_id)])), {})


def _as_known(stone: Tombstone) -> Attributes:
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
