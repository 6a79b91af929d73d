"""Store retries of failed syncs in SyncTable: created with the sync's record, then maintained by retry."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

from codat_sync.aws.dynamodb import Attributes, Table
from codat_sync.aws.table_schema import UNKNOWN, due_index_keys, retry_key, unknown_index_keys
from codat_sync.core.enums import parse_enum
from codat_sync.core.errors import ConditionFailedError
from codat_sync.core.timestamps import format_timestamp, parse_timestamp
from codat_sync.syncs.retry_record import Retry, RetryState

_VERSION = 1


class RetryRepository:
    """The retries in SyncTable."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def load(self, sync_id: str) -> Retry | None:
        """Load the retry of a sync, None if there is none."""
        found = self._table.get([retry_key(sync_id)])
        return read_retry(found[0]) if found else None

    def ensure_due(self, company_id: str, sync_id: str, until: datetime) -> Retry | None:
        """Load a sync's retry. If it has no due time, make it due at ``until``, so that a crash can't lose it."""
        stored = self.load(sync_id)
        if stored is None or stored.due_at:
            return stored
        key, changes = due_retry_update(company_id, sync_id, until)
        changes["summary"] |= {"state": stored.state.value}
        try:
            self._table.update(key, changes, {"dueAt": None})
        except ConditionFailedError:
            return self.load(sync_id)
        return replace(stored, due_at=until)

    def reschedule(self, company_id: str, sync_id: str, now: datetime) -> None:
        """Make a sync's retry due for planning, if there is one and not all is written."""
        stored = self.load(sync_id)
        if stored and stored.state is not RetryState.RESOLVED:
            key, changes = due_retry_update(company_id, sync_id, now)
            self._table.update(key, changes, {})

    def put(self, company_id: str, sync_id: str, retry: Retry, stored: Retry | None) -> None:
        """Store a sync's retry, planned from ``stored``. If it was made due in the meantime, it stays due."""
        due_at = format_timestamp(retry.due_at) if retry.due_at else None
        is_listed = bool(set(retry.unknown_ids) - set(stored.acknowledged_ids if stored else ()))
        summary = {"companyId": company_id, "syncId": sync_id, "state": retry.state.value}
        changes = {
            "v": _VERSION,
            "state": retry.state.value,
            "syncIds": list(retry.sync_ids),
            "steps": dict(retry.steps),
            "blocked": {step: list(names) for step, names in retry.blocked.items()},
            "retriable": retry.retriable,
            "retriableIds": list(retry.retriable_ids),
            "summary": {**summary, "transactionIds": list(retry.unknown_ids)} if is_listed else summary,
            **due_index_keys(due_at),
            # After the submissions, which are listed by time.
            **unknown_index_keys(f"SYNC#{sync_id}" if is_listed else None),
        }
        seen = stored.due_at if stored else None
        with suppress(ConditionFailedError):
            processed_at = format_timestamp(seen) if seen else None
            self._table.update(retry_key(sync_id), changes, {"dueAt": processed_at}, increment="version")

    def acknowledge(self, sync_id: str, by: str, reason: str, now: datetime) -> bool:
        """Take a retry off the list of unknown outcomes, and record who dealt with it; False if it is not on it.

        It is listed again if other transactions are unknown.
        """
        found = self._table.get([retry_key(sync_id)])
        listed_ids = found[0].get("summary", {}).get("transactionIds", ()) if found else ()
        known = found[0].get("acknowledged", {}).get("ids", ()) if found else ()
        statement = {"by": by, "reason": reason, "at": format_timestamp(now), "ids": sorted({*known, *listed_ids})}
        try:
            self._table.update(
                retry_key(sync_id), {"acknowledged": statement, **unknown_index_keys(None)}, {"dayPk": UNKNOWN}
            )
        except ConditionFailedError:
            return False
        return True

    def clear_due(self, sync_id: str) -> None:
        """Clear the due time of a sync's retry: another sync's retry covers it."""
        self._table.update(retry_key(sync_id), due_index_keys(None), {})


def due_retry_update(company_id: str, sync_id: str, now: datetime) -> tuple[Attributes, Attributes]:
    """Return the key and the changes that create a sync's retry, or make it due for planning."""
    summary = {"companyId": company_id, "syncId": sync_id}
    return dict(retry_key(sync_id)), {"v": _VERSION, "summary": summary, **due_index_keys(format_timestamp(now))}


def read_retry(values: Mapping[str, Any]) -> Retry:
    """Read a retry from its item's ``values``. Attributes that an older version omitted are empty."""
    return Retry(
        state=parse_enum(RetryState, values.get("state", ""), RetryState.OPEN),
        sync_ids=tuple(values.get("syncIds", ())),
        steps={name: int(number) for name, number in values.get("steps", {}).items()},
        due_at=parse_timestamp(values.get("dueAt")),
        blocked={step: tuple(names) for step, names in values.get("blocked", {}).items()},
        version=int(values.get("version", 0)),
        acknowledged_ids=tuple((values.get("acknowledged") or {}).get("ids", ())),
        retriable=None if values.get("retriable") is None else int(values["retriable"]),
        retriable_ids=tuple(values.get("retriableIds", ())),
    )
