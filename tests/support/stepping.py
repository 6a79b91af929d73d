"""Real code that goes one call at a time.

A job is real code in a thread of its own. It stops before each call to the outside until it is let go on: one thread
runs at a time, in an order that the test decides, so that the same decisions always have the same end.
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
    """What becomes of a call."""

    WELL = "it is done"
    CRASH_BEFORE = "the job ends before it"
    CRASH_AFTER = "it is done, and the job ends before it learns of that"
    REPEATED = "it is done, the answer is lost, and the SDK makes it once more"
    THROTTLED = "it is refused"
    PARTLY = "of a batch, the first half is done"
    FAILING = "Codat answers 503, and has done nothing"
    CLOSING = "Codat answers 429"
    GARBLED = "Codat's answer is cut off"
    RESET = "it never arrives, and that is not known"
    LOST = "Codat does it, and the connection breaks"
    FAILING_AFTER = "Codat does it, and answers 503"
    SLOW = "Codat does it, and the answer comes too late"
    LATE = "the caller gives up, and then it arrives"
    UNLINKED = "the company's connection goes, and Codat takes it: its sync will fail"
    UNLINKED_REFUSED = "the company's connection goes, and Codat refuses it"


CRASHES = frozenset({Fate.CRASH_BEFORE, Fate.CRASH_AFTER})


@dataclass(frozen=True)
class Call:
    """A call to the outside. ``attempt`` makes it, to whatever fate; ``fates`` are those that can befall it."""

    name: str
    attempt: Callable[[Fate], Any]
    fates: Collection[Fate]
    asks_codat: bool = False
    writes_document: bool = False

    @property
    def is_write_to_codat(self) -> bool:
        return Fate.LATE in self.fates


class Crash(BaseException):
    """The end of a job, as of a Lambda whose time is over: nothing in the code may notice it."""


class Job(threading.Thread):
    """``work``, which stops before each call; ``next_call`` is the one that it stands before, None once it has ended.

    Afterwards ``result`` is what the work returned, unless ``error`` ended it.
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
        """Do the work: the thread's own method."""
        # The same lines many thousand times: to measure that they are covered would take half of the time.
        sys.settrace(None)
        try:
            self.result = self._work()
        except BaseException as error:  # noqa: BLE001 - a crash too: whoever steps looks at it
            self.error = error
        self.next_call = None
        self._has_stopped.release()

    @property
    def has_crashed(self) -> bool:
        """Whether it was ended from outside."""
        return isinstance(self.error, Crash)

    def step(self, fate: Fate = Fate.WELL) -> None:
        """Let it make its next call, and go on to the one after it."""
        assert self.next_call
        self._fate = fate
        self._may_go.release()
        self._has_stopped.acquire()

    def finish(self) -> None:
        """Let it go on to its end."""
        while self.next_call:
            self.step()

    def crash(self) -> None:
        """End it where it stands."""
        while self.next_call:
            self.step(Fate.CRASH_BEFORE)

    def stop_before(self, call: Call) -> Any:  # noqa: ANN401 - what the call returns
        """Wait to be let go on, and make ``call``: from within the work."""
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
    """Make a call to the outside: if a job makes it, when it is let."""
    job = threading.current_thread()
    return job.stop_before(call) if isinstance(job, Job) else call.attempt(Fate.WELL)


class InlineExecutor(Executor):
    """A pool whose work is done by whoever hands it in: a job has one thread."""

    def __init__(self, *_: object, **__: object) -> None:
        """Take what a ThreadPoolExecutor is made with."""

    def submit(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Do it at once. A crash is none of its errors: it goes through."""
        future: Future[T] = Future()
        try:
            future.set_result(work(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - as a pool does
            future.set_exception(error)
        return future
