"""Share the gate before Codat between all functions: one item of SyncTable, cached in each process."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from codat_sync.aws.dynamodb import Attributes, Table
from codat_sync.aws.table_schema import GATE
from codat_sync.core.enums import parse_enum
from codat_sync.core.errors import ConditionFailedError
from codat_sync.core.timestamps import format_timestamp, parse_timestamp
from codat_sync.rate_limits.errors import GateClosedError
from codat_sync.rate_limits.quota import Closure, ClosureReason, Gate, Quota, QuotaEvent

_VERSION = 1
# In seconds: how long a closure by another process may go unnoticed here.
_MAX_AGE = 1.0
# The remaining quota changes with each call: it is shared periodically, but a closure is shared at once.
_STORE_AFTER = timedelta(seconds=30)
_MAX_ATTEMPTS = 5


class SharedGate:
    """The shared gate: whether background or interactive calls to Codat are allowed. Safe to share between threads."""

    def __init__(
        self,
        table: Table,
        now: Callable[[], datetime],
        *,
        is_interactive: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._table = table
        self._now = now
        self._is_interactive = is_interactive
        self._clock = clock
        self._lock = threading.Lock()
        self._gate = Gate()
        self._read_at = float("-inf")
        self._stored = Gate()  # as last read from or written to the table

    @property
    def state(self) -> Gate:
        """Return the gate, at most a second old."""
        with self._lock:
            if self._clock() - self._read_at >= _MAX_AGE:
                self._read()
            return self._gate

    @property
    def last_known(self) -> Gate:
        """Return the gate as this process last read it."""
        with self._lock:
            return self._gate

    def require_open(self) -> None:
        """Return if calls are allowed. Raises GateClosedError."""
        closure = self.state.closure_at(self._now(), is_interactive=self._is_interactive)
        if closure:
            raise gate_closed_error(closure)

    def close(self, closure: Closure) -> None:
        """Close the gate for all processes, as of now."""
        self._change(closure, self._now())

    def apply_event(self, event: QuotaEvent) -> bool:
        """Apply a quota event of Codat's. Returns whether it changed anything."""
        closure = event.closure
        # A reset counts even if the gate is open: the preceding closure may be delivered after it.
        is_new = closure.until > self._now() if closure else not self._is_refused()
        if event.quota:
            self.record_quota(event.quota)
        return is_new and self._change(closure, event.at)

    def record_quota(self, quota: Quota) -> None:
        """Record the remaining quota from a response of Codat's, and share it periodically."""
        with self._lock:
            updated = self._gate.with_quota(quota)
            if updated is None:
                return
            self._gate = updated
            shared = self._stored.quota
            is_new = shared is None or quota.is_at_reserve != shared.is_at_reserve
            if is_new or (shared and quota.as_of - shared.as_of >= _STORE_AFTER):
                self._store(_quota_values(quota), {"asOf": shared and format_timestamp(shared.as_of)})

    def _is_refused(self) -> bool:
        with self._lock:
            self._read()
            closure = self._gate.closure_at(self._now())
        return closure is not None and closure.reason is ClosureReason.REFUSED

    def _change(self, closure: Closure | None, at: datetime) -> bool:
        with self._lock:
            for _ in range(_MAX_ATTEMPTS):
                changed_at = self._stored.changed_at
                changed = self._gate.with_closure(closure, at)
                if changed is None:
                    return False
                if self._store(
                    _closure_values(changed.closure, at), {"changedAt": changed_at and format_timestamp(changed_at)}
                ):
                    self._gate = replace(changed, quota=self._gate.quota)
                    return True
        return False

    def _store(self, values: Attributes, expected: dict[str, Any]) -> bool:
        """Write to the table. If a concurrent writer was first, read its result and return False."""
        try:
            self._table.update(GATE, values | {"v": _VERSION}, expected)
        except ConditionFailedError:
            self._read()
            return False
        self._stored = _gate(_values(self._stored) | values)
        return True

    def _read(self) -> None:
        self._stored = _gate(next(iter(self._table.get([GATE])), {}))
        self._read_at = self._clock()
        newer = self._stored.quota and self._gate.with_quota(self._stored.quota)
        quota = (newer or self._gate).quota
        self._gate = replace(self._stored, quota=quota)


def gate_closed_error(closure: Closure) -> GateClosedError:
    """Return the error for a call that was not made."""
    return GateClosedError(f"closed until {format_timestamp(closure.until)}: {closure.reason}", closure)


def _gate(values: Attributes) -> Gate:
    closed_until, resets_at, as_of = (parse_timestamp(values.get(name)) for name in ("closedUntil", "resetsAt", "asOf"))
    quota = None
    if resets_at and as_of:
        quota = Quota(int(values["remaining"]), int(values["limit"]), resets_at, as_of)
    return Gate(
        # An unknown reason still means closed.
        closure=Closure(parse_enum(ClosureReason, values["reason"], ClosureReason.RATE), closed_until)
        if closed_until
        else None,
        changed_at=parse_timestamp(values.get("changedAt")),
        quota=quota,
    )


def _values(gate: Gate) -> Attributes:
    values = _quota_values(gate.quota) if gate.quota else {}
    return values | (_closure_values(gate.closure, gate.changed_at) if gate.changed_at else {})


def _closure_values(closure: Closure | None, at: datetime) -> Attributes:
    return {
        "closedUntil": closure and format_timestamp(closure.until),
        "reason": closure and closure.reason.value,
        "changedAt": format_timestamp(at),
    }


def _quota_values(quota: Quota) -> Attributes:
    return {
        "remaining": quota.remaining,
        "limit": quota.limit,
        "resetsAt": format_timestamp(quota.resets_at),
        "asOf": format_timestamp(quota.as_of),
    }
