"""The gate before Codat, as all functions that call it share it: one item of SyncTable, and what this process saw."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from codat_sync.aws.dynamodb import Table, Values
from codat_sync.aws.table_schema import GATE
from codat_sync.core.enums import member
from codat_sync.core.errors import ConditionFailedError
from codat_sync.core.timestamps import format_instant, parse_instant
from codat_sync.rate_limits.errors import GateClosedError
from codat_sync.rate_limits.quota import Closure, Gate, Quota, QuotaEvent, Reason

_VERSION = 1
# In seconds: how long another process's closing may go unnoticed here.
_MAX_AGE = 1.0
# What is left of the quota changes with each call. The others are told now and then, and at once what stops them.
_TELL_AFTER = timedelta(seconds=30)
_MOST_RACES = 5


class SharedGate:
    """Whether Codat may be called, by machines or for people. Safe to share between threads."""

    def __init__(
        self,
        table: Table,
        now: Callable[[], datetime],
        *,
        is_for_people: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._table = table
        self._now = now
        self._is_for_people = is_for_people
        self._clock = clock
        self._lock = threading.Lock()
        self._gate = Gate()
        self._read_at = float("-inf")
        self._told = Gate()  # as the table has it

    @property
    def state(self) -> Gate:
        """How it stands, as far as this process knows, at most a second old."""
        with self._lock:
            if self._clock() - self._read_at >= _MAX_AGE:
                self._read()
            return self._gate

    @property
    def known(self) -> Gate:
        """How it stood when this process last looked."""
        with self._lock:
            return self._gate

    def pass_through(self) -> None:
        """Return if a call may be made. Raises GateClosedError."""
        closure = self.state.closed(self._now(), is_for_person=self._is_for_people)
        if closure:
            raise closed_error(closure)

    def close(self, closure: Closure) -> None:
        """Close it for all, as of now."""
        self._change(closure, self._now())

    def heed(self, event: QuotaEvent) -> bool:
        """Do what an event of Codat's says; returns whether it said anything new."""
        closure = event.closure
        # A reset counts though nothing is closed: what was reached before it may be told later.
        is_news = closure.until > self._now() if closure else not self._is_refused()
        if event.quota:
            self.count(event.quota)
        return is_news and self._change(closure, event.at)

    def count(self, quota: Quota) -> None:
        """Take note of what an answer of Codat's says is left, and tell the others if it is time to."""
        with self._lock:
            counted = self._gate.counted(quota)
            if counted is None:
                return
            self._gate = counted
            told = self._told.quota
            is_news = told is None or quota.is_down_to_reserve != told.is_down_to_reserve
            if is_news or (told and quota.as_of - told.as_of >= _TELL_AFTER):
                self._tell(_quota_values(quota), {"asOf": told and format_instant(told.as_of)})

    def _is_refused(self) -> bool:
        with self._lock:
            self._read()
            closure = self._gate.closed(self._now())
        return closure is not None and closure.reason is Reason.REFUSED

    def _change(self, closure: Closure | None, at: datetime) -> bool:
        with self._lock:
            for _ in range(_MOST_RACES):
                known = self._told.changed_at
                changed = self._gate.changed(closure, at)
                if changed is None:
                    return False
                if self._tell(_closure_values(changed.closure, at), {"changedAt": known and format_instant(known)}):
                    self._gate = replace(changed, quota=self._gate.quota)
                    return True
        return False

    def _tell(self, values: Values, when: dict[str, Any]) -> bool:
        """Write to the table; if another was quicker, read what it wrote, and return False."""
        try:
            self._table.update(GATE, values | {"v": _VERSION}, when)
        except ConditionFailedError:
            self._read()
            return False
        self._told = _gate(_values(self._told) | values)
        return True

    def _read(self) -> None:
        self._told = _gate(next(iter(self._table.get([GATE])), {}))
        self._read_at = self._clock()
        newer = self._told.quota and self._gate.counted(self._told.quota)
        quota = (newer or self._gate).quota
        self._gate = replace(self._told, quota=quota)


def closed_error(closure: Closure) -> GateClosedError:
    """Return the error that says that no call was made."""
    return GateClosedError(f"closed until {format_instant(closure.until)}: {closure.reason}", closure)


def _gate(values: Values) -> Gate:
    closed_until, resets_at, as_of = (parse_instant(values.get(name)) for name in ("closedUntil", "resetsAt", "asOf"))
    quota = None
    if resets_at and as_of:
        quota = Quota(int(values["remaining"]), int(values["limit"]), resets_at, as_of)
    return Gate(
        # Whatever closed it, it is closed.
        closure=Closure(member(Reason, values["reason"], Reason.RATE), closed_until) if closed_until else None,
        changed_at=parse_instant(values.get("changedAt")),
        quota=quota,
    )


def _values(gate: Gate) -> Values:
    values = _quota_values(gate.quota) if gate.quota else {}
    return values | (_closure_values(gate.closure, gate.changed_at) if gate.changed_at else {})


def _closure_values(closure: Closure | None, at: datetime) -> Values:
    return {
        "closedUntil": closure and format_instant(closure.until),
        "reason": closure and closure.reason.value,
        "changedAt": format_instant(at),
    }


def _quota_values(quota: Quota) -> Values:
    return {
        "remaining": quota.remaining,
        "limit": quota.limit,
        "resetsAt": format_instant(quota.resets_at),
        "asOf": format_instant(quota.as_of),
    }
