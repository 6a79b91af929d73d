"""Steppable runs of the functions, and the world they run in."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Generic, TypeVar

from tests.support.clock import ManualClock
from tests.support.stepping import Crash, Job


@dataclass
class Run:
    """A run of a function. It is crashed if it has not ended by ``ends_at``."""

    job: Job
    ends_at: datetime

    @property
    def name(self) -> str:
        return self.job.name


RunT = TypeVar("RunT", bound=Run)


class SteppedWorld(Generic[RunT]):
    """The clock and the unfinished runs. ``failures`` are the exceptions that a run may end with."""

    failures: ClassVar[tuple[type[Exception], ...]]

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.runs: list[RunT] = []
        self.started = 0

    def start_job(self, name: str, work: Callable[[], object]) -> Job:
        """Start ``work`` under a unique name; it stops before its first call."""
        self.started += 1
        return Job(f"{name} {self.started}", work)

    def reap_runs(self) -> list[RunT]:
        """Remove and return the runs that have ended. Raises the error of one that ended with an unexpected one."""
        ended = [run for run in self.runs if run.job.next_call is None]
        self.runs = [run for run in self.runs if run.job.next_call]
        for run in ended:
            self.on_end(run)
            if run.job.error and not isinstance(run.job.error, (*self.failures, Crash)):
                raise run.job.error
        return ended

    def on_end(self, run: RunT) -> None:
        """Release what an ended run holds."""

    def pass_by(self, time: timedelta) -> None:
        """Advance the clock, and crash the runs that have exceeded their timeout."""
        self.clock.pass_by(time)
        for run in self.runs:
            if run.ends_at < self.clock.now():
                run.job.crash()
        self.reap_runs()

    def close(self) -> None:
        """Crash all unfinished runs."""
        for run in self.runs:
            run.job.crash()
