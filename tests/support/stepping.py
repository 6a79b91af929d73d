"""Run real code one outgoing call at a time.

A job runs code in a thread of its own. It stops before each outgoing call until the test lets it continue. Only one
thread runs at a time, in an order that the test decides, so the same decisions always have the same result.
"""

import sys
import threading
from collections.abc import Callable, Collection
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from enum import Enum
from typing import Any, ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")


class Fate(Enum):
    """What happens to a call."""

    WELL = "it succeeds"
    CRASH_BEFORE = "the job ends before it"
    CRASH_AFTER = "it succeeds, and the job ends before it gets the response"
    REPEATED = "it succeeds, the response is lost, and the SDK repeats it"
    THROTTLED = "it is throttled"
    PARTLY = "only the first half of the batch succeeds"
    FAILING = "Codat answers 503, and has done nothing"
    CLOSING = "Codat answers 429"
    GARBLED = "Codat's answer is cut off"
    RESET = "it never arrives, and the connection is reset"
    LOST = "Codat processes it, and the connection breaks"
    FAILING_AFTER = "Codat processes it, and answers 503"
    SLOW = "Codat processes it, and answers too late"
    LATE = "it arrives after the caller has timed out"
    UNLINKED = "the company's connection is lost, and Codat accepts it: its sync will fail"
    UNLINKED_REFUSED = "the company's connection is lost, and Codat rejects it"


CRASHES = frozenset({Fate.CRASH_BEFORE, Fate.CRASH_AFTER})


@dataclass(frozen=True)
class Call:
    """An outgoing call. ``attempt`` makes it with a given fate; ``fates`` are the possible ones."""

    name: str
    attempt: Callable[[Fate], Any]
    fates: Collection[Fate]
    asks_codat: bool = False
    writes_document: bool = False

    @property
    def is_write_to_codat(self) -> bool:
        return Fate.LATE in self.fates


class Crash(BaseException):
    """Ends a job as Lambda's timeout does: the code cannot catch it."""


class Job(threading.Thread):
    """Runs ``work`` and stops before each call; ``next_call`` is that call, None once the work has ended.

    Afterwards ``result`` is the work's return value, or ``error`` what it raised.
    """

    def __init__(self, name: str, work: Callable[[], object]) -> None:
        super().__init__(name=name, daemon=True)
        self._work = work
        self._fate = Fate.WELL
        self._may_go = threading.Semaphore(0)
        self._has_stopped = threading.Semaphore(0)
        self.next_call: Call | None = None
        self.result: object = None
        self.error: BaseException | None = None
        self.start()
        self._has_stopped.acquire()

    def run(self) -> None:
        """Run the work in this thread."""
        # Measuring the coverage of the same lines many thousand times would take half of the time.
        sys.settrace(None)
        try:
            self.result = self._work()
        except BaseException as error:  # noqa: BLE001 - crashes included: the test checks it
            self.error = error
        self.next_call = None
        self._has_stopped.release()

    @property
    def has_crashed(self) -> bool:
        """Whether it was crashed."""
        return isinstance(self.error, Crash)

    def step(self, fate: Fate = Fate.WELL) -> None:
        """Make the next call and continue to the one after it."""
        assert self.next_call
        self._fate = fate
        self._may_go.release()
        self._has_stopped.acquire()

    def finish(self) -> None:
        """Continue to the end."""
        while self.next_call:
            self.step()

    def crash(self) -> None:
        """Crash it before its next call."""
        while self.next_call:
            self.step(Fate.CRASH_BEFORE)

    def stop_before(self, call: Call) -> Any:  # noqa: ANN401 - what the call returns
        """Wait for ``step`` and make ``call``; called from within the work."""
        self.next_call = call
        self._has_stopped.release()
        self._may_go.acquire()
        match self._fate:
            case Fate.CRASH_BEFORE:
                raise Crash
            case Fate.CRASH_AFTER:
                call.attempt(Fate.WELL)
                raise Crash
            case Fate.REPEATED:
                call.attempt(Fate.WELL)
                return call.attempt(Fate.WELL)
        return call.attempt(self._fate)


def outside(call: Call) -> Any:  # noqa: ANN401 - what the call returns
    """Make an outgoing call; in a job, wait for its turn first."""
    job = threading.current_thread()
    return job.stop_before(call) if isinstance(job, Job) else call.attempt(Fate.WELL)


class InlineExecutor(Executor):
    """An executor that runs work in the submitting thread, as a job has only one."""

    def __init__(self, *_: object, **__: object) -> None:
        """Accept the arguments of ThreadPoolExecutor."""

    def submit(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run it at once. A crash is not captured: it propagates."""
        future: Future[T] = Future()
        try:
            future.set_result(work(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - as a pool does
            future.set_exception(error)
        return future
