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
from codat_sync.core.timestamps import EARLIEST, format_timestamp, parse_timestamp
from codat_sync.rate_limits.errors import GateClosedError
from codat_sync.rate_limits.quota import MAX_PAUSE, Closure, ClosureReason, Gate, Quota, QuotaEvent

_VERSION = 1
# In seconds: how long a closure by another process may go unnoticed here.
_MAX_AGE = 1.0
# The remaining quota changes with each call: it is shared periodically, but a closure is shared at once.
_STORE_AFTER = timedelta(seconds=30)
_MAX_ATTEMPTS = 5
# Times that other processes wrote are believed up to this much ahead of our clock. A later one counts as absent:
# otherwise a wrong clock would keep the gate as it is until that time.
_CLOCK_SKEW = timedelta(minutes=5)
_TICK = timedelta(milliseconds=1)


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
        # As last read from or written to the table: its attributes, and what they mean.
        self._values: Attributes = {}
        self._stored = Gate()

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
        self._change(closure, self._now(), is_latest=True)

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
                self._store(_quota_values(quota), {"asOf": self._values.get("asOf")})

    def _is_refused(self) -> bool:
        with self._lock:
            self._read()
            closure = self._gate.closure_at(self._now())
        return closure is not None and closure.reason is ClosureReason.REFUSED

    def _change(self, closure: Closure | None, at: datetime, *, is_latest: bool = False) -> bool:
        with self._lock:
            for _ in range(_MAX_ATTEMPTS):
                changed_at = self._stored.changed_at
                if is_latest and changed_at:
                    at = max(at, changed_at + _TICK)  # The clock of the process that changed it last may be ahead.
                changed = self._gate.with_closure(closure, at)
                if changed is None:
                    return False
                if self._store(_closure_values(changed.closure, at), {"changedAt": self._values.get("changedAt")}):
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
        self._set_stored(self._values | values)
        return True

    def _read(self) -> None:
        self._set_stored(next(iter(self._table.get([GATE])), {}))
        self._read_at = self._clock()
        newer = self._stored.quota and self._gate.with_quota(self._stored.quota)
        quota = (newer or self._gate).quota
        self._gate = replace(self._stored, quota=quota)

    def _set_stored(self, values: Attributes) -> None:
        self._values = values
        self._stored = _gate(values, self._now())


def gate_closed_error(closure: Closure) -> GateClosedError:
    """Return the error for a call that was not made."""
    return GateClosedError(f"closed until {format_timestamp(closure.until)}: {closure.reason}", closure)


def _gate(values: Attributes, now: datetime) -> Gate:
    closed_until = _parse(values, "closedUntil", now + MAX_PAUSE)
    resets_at, as_of = _parse(values, "resetsAt", now + MAX_PAUSE), _parse(values, "asOf", now + _CLOCK_SKEW)
    quota = None
    if resets_at and as_of:
        quota = Quota(int(values["remaining"]), int(values["limit"]), resets_at, as_of)
    closure = None
    if closed_until:
        # An unknown reason still means closed.
        reason = parse_enum(ClosureReason, values["reason"], ClosureReason.RATE)
        closure = Closure(reason, closed_until, _parse(values, "closedAt", now + _CLOCK_SKEW))
    return Gate(closure, _parse(values, "changedAt", now + _CLOCK_SKEW), quota)


def _parse(values: Attributes, name: str, latest: datetime) -> datetime | None:
    """Parse a time that any process may have written, None if it is absent or implausible."""
    moment = parse_timestamp(values.get(name))
    return moment if moment and EARLIEST <= moment <= latest else None


def _closure_values(closure: Closure | None, at: datetime) -> Attributes:
    return {
        "closedUntil": closure and format_timestamp(closure.until),
        "reason": closure and closure.reason.value,
        "closedAt": closure and closure.since and format_timestamp(closure.since),
        "changedAt": format_timestamp(at),
    }


def _quota_values(quota: Quota) -> Attributes:
    return {
        "remaining": quota.remaining,
        "limit": quota.limit,
        "resetsAt": format_timestamp(quota.resets_at),
        "asOf": format_timestamp(quota.as_of),
    }
