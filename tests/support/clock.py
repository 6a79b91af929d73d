"""A clock that tests move by hand."""

from datetime import UTC, datetime, timedelta


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
