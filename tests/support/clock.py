"""Clocks that tests move by hand."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo

import pytest


class ManualClock:
    """Stands still at ``time`` until a test moves it."""

    def __init__(self, time: datetime = datetime(2026, 1, 5, 10, tzinfo=UTC)) -> None:
        self.time = time

    def __call__(self) -> datetime:
        return self.time

    def now(self) -> datetime:
        return self.time

    def seconds(self) -> float:
        """Return the time as seconds since the epoch."""
        return self.time.timestamp()

    def pass_by(self, time: timedelta) -> None:
        """Advance by ``time``."""
        self.time += time


@dataclass
class SimulatedTime:
    """The real time, and what has passed in addition."""

    passed: timedelta = field(default_factory=timedelta)

    def now(self, zone: tzinfo) -> datetime:
        """Return the time, as ``datetime.now`` does."""
        return datetime.now(zone) + self.passed

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have ``utc_now`` return this time."""
        monkeypatch.setattr("codat_sync.core.clock.datetime", self)
