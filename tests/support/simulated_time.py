"""Let time pass for the functions, which all read it from one clock."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo

import pytest


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
