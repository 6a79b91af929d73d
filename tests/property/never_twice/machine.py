"""Everything that can happen to what is submitted, in any order."""

import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from enum import Enum
from functools import partial
from itertools import pairwise
from typing import Protocol, TypeVar

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from codat_sync.aws.dynamodb import Table
from codat_sync.retries.planner import Step
from codat_sync.submissions.expense_schemas import Kind
from dev.codat_simulator.books.settling import Outcome, Verdict
from tests.property.never_twice.world import EXPENSE_IDS, TRANSACTION_IDS, TRANSFER_ID, Request, Run, World
from tests.support.clock import ManualClock

T = TypeVar("T")

_MOST_RUNS = 3
_CALLS_OF_A_RETRY = range(1, 16)  # about
_CHANGES = {"batch_write_item", "transact_write_items", "update_item"}
_ONE, _OTHER = EXPENSE_IDS
_KEY, _OTHER_KEY = "c0000000-0000-4000-8000-000000000003", "d0000000-0000-4000-8000-000000000004"
# What gets into each other's way: an example is about one of these groups.
_GROUPS = (
    (
        Request((_ONE,), 1),
        Request((_ONE,), 1, _KEY),
        Request((_ONE,), 2),
        Request((_ONE, _OTHER), 1),
        Request((_ONE, _OTHER), 1, _OTHER_KEY),
        Request((_OTHER,), 2),
    ),
    (
        Request((_ONE,), 1),
        Request((_ONE,), 3, method="PUT"),
        Request((_ONE,), 4, method="PUT"),
    ),
    (
        Request((TRANSFER_ID,), 1, kind=Kind.TRANSFER, method="PUT"),
        Request((TRANSFER_ID,), 2, kind=Kind.TRANSFER, method="PUT"),
    ),
)
_WAITS = (5, 45, 45, 360, 1200, 6000, 6000)
_DONE, _FAILED = Verdict(), Verdict("PushError", "The accounting software is busy.")
_VERDICTS = (_DONE, _DONE, _FAILED, _FAILED, _FAILED, Verdict("ValidationError", "Account 6100 is archived."))
# Whatever happened before, so many rounds are enough.
_MOST_ROUNDS = 10


class TwiceError(AssertionError):
    """An expense was written twice by us: the harm to be prevented."""


class ForgottenError(AssertionError):
    """An expense is not in the books, and nothing says why."""


class Draw(Protocol):
    """Draws one of some things."""

    def __call__(self, choices: Sequence[T]) -> T: ...


class Stretch(Enum):
    """How far a run goes on."""

    CALL = "one call"
    TO_CHANGE = "until it is about to change what others look at"
    TO_CLAIMED = "until it has claimed, and is about to say that it sends"
    TO_WRITE = "until it is about to write to Codat"
    TO_END = "to its end"


class NeverTwice(RuleBasedStateMachine):
    """A product, retry, workers, Codat and a person in its portal around one table: what happens, happens anyhow.

    One rule draws what happens next from what can happen: Hypothesis leaves rules out of an example, and with those
    that must not be left out it would come to nothing.
    """

    make_table: Callable[[ManualClock], Table]
    comes_to_rest = True

    def __init__(self) -> None:
        super().__init__()
        self._world = World(self.make_table)

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        """Begin with few requests, so that the same comes again; often after one that has failed, and is known to."""
        draw = partial(_draw, data)
        group = st.sampled_from(draw([_GROUPS[0], *_GROUPS]))
        self._requests = data.draw(st.lists(group, min_size=2, max_size=3, unique=True))
        self._last = self._requests[0]
        self._is_stormy = draw([False, True])
        self._end = draw([_DONE, _DONE, _FAILED])
        if draw([False, True]):
            self._fail(self._requests[0])
        else:
            self._advance(self._world.submit(self._requests[0]), draw(list(Stretch)))

    def _fail(self, request: Request) -> None:
        self._finish(self._world.submit(request))
        (sync_id,) = self._world.open_syncs()
        self._world.codat.settle(sync_id, Outcome(otherwise=_FAILED))
        self._finish(self._world.hear(sync_id))

    @rule(data=st.data())
    def happen(self, data: st.DataObject) -> None:
        """One of all the things happens that can happen now, the more likely ones more often."""
        draw = partial(_draw, data)
        weights = self._weights()
        getattr(self, draw([move for move, weight in weights.items() for _ in range(weight)]))(draw)

    def _weights(self) -> dict[str, int]:
        world, is_free = self._world, len(self._world.runs) < _MOST_RUNS
        return {
            # Above all while something else is not at its end.
            "_submit": (3 + 3 * bool(world.runs) + 3 * world.network.is_holding) * is_free,
            "_keep": int(is_free and self._is_stormy),
            "_retry": 3 * (is_free and bool(world.failed_syncs())),
            "_overtake": 2 * (is_free and bool(world.failed_syncs())),
            "_hear": 3 * (is_free and bool(world.ended_syncs())),
            "_settle": 3 * bool(world.open_syncs()),
            "_go_on": 4 * bool(world.runs),
            "_stumble": (1 + 2 * self._is_stormy) * bool(world.runs),
            "_arrive": int(world.network.is_holding),
            "_link": 2 * (not world.is_linked),
            "_look_up": int(is_free and self._is_stormy),
            "_press": int(bool(world.failed_ids()) and self._is_stormy),
            "_wait": 3,
        }

    # ------------------------------------------------------------ who asks

    def _submit(self, draw: Draw) -> None:
        request = self._last = draw([*self._requests, self._last, self._last])
        note(f"submit {request}")
        self._advance(self._world.submit(request), draw(list(Stretch)))

    def _keep(self, draw: Draw) -> None:
        request = draw(self._requests)
        note(f"keep {request}")
        self._advance(self._world.keep(request), draw(list(Stretch)))

    def _retry(self, draw: Draw) -> None:
        sync_id = draw(self._world.failed_syncs())
        is_for_person = draw([True, True, False])
        note(f"retry {sync_id}, for a person: {is_for_person}")
        self._advance(self._world.retry(sync_id, is_for_person=is_for_person), draw(list(Stretch)))

    def _overtake(self, draw: Draw) -> None:
        """Somebody asks for the same while a retry is at one of its calls, and is the first to end."""
        sync_id, calls, is_retry = draw(self._world.failed_syncs()), draw(_CALLS_OF_A_RETRY), draw([True, False])
        note(f"retry {sync_id}, overtaken after {calls} calls by {'a retry' if is_retry else self._last}")
        slow = self._world.retry(sync_id, is_for_person=True)
        for _ in range(calls):
            if slow.job.next_call:
                slow.job.step()
        quick = self._world.retry(sync_id, is_for_person=True) if is_retry else self._world.submit(self._last)
        self._finish(quick)
        self._finish(slow)

    def _hear(self, draw: Draw) -> None:
        sync_id = draw(self._world.ended_syncs()[::-1])
        note(f"hear of {sync_id}")
        self._advance(self._world.hear(sync_id), draw([Stretch.TO_END, Stretch.TO_END, Stretch.CALL]))

    def _look_up(self, draw: Draw) -> None:
        note("hear of the company")
        self._advance(self._world.hear_of_company(), draw([Stretch.TO_END, Stretch.TO_END, Stretch.CALL]))

    def _link(self, _: Draw) -> None:
        note("the company is linked again")
        self._world.link()

    def _press(self, draw: Draw) -> None:
        transaction_id = draw(self._world.failed_ids())
        note(f"{transaction_id} is retried in the portal")
        self._world.press_in_portal(transaction_id)

    # ------------------------------------------------------------ what becomes of it

    def _settle(self, draw: Draw) -> None:
        sync = self._world.codat.sync(draw(self._world.open_syncs()))
        verdicts = {item.transaction_id: draw(_VERDICTS) for item in sync.items if item.transaction_id}
        note(f"{sync.sync_id} ends: {[verdict.status for verdict in verdicts.values()]}")
        self._world.codat.settle(sync.sync_id, Outcome(verdicts))

    def _go_on(self, draw: Draw) -> None:
        run = self._draw_run(draw)
        note(f"{run.name} goes on")
        self._advance(run, draw(list(Stretch)))

    def _stumble(self, draw: Draw) -> None:
        """Something befalls a run's next call, or the one by which it writes to Codat if that comes first."""
        run = self._draw_run(draw)
        if draw([True, True, False]):
            self._advance(run, Stretch.TO_WRITE)
        if run.job.next_call:
            fate = draw(tuple(run.job.next_call.fates))
            note(f"{run.name} at {run.job.next_call.name}: {fate.value}")
            run.job.step(fate)
        self._world.tidy()

    def _arrive(self, _: Draw) -> None:
        note("what was held up arrives")
        self._world.network.deliver()

    def _wait(self, draw: Draw) -> None:
        seconds = draw(_WAITS)
        note(f"{seconds} s pass")
        self._world.pass_by(timedelta(seconds=seconds))

    # ------------------------------------------------------------ what has to be true

    @invariant()
    def is_created_once(self) -> None:
        """Count an open sync of ours as one that has written: it may do so at any time."""
        for transaction_id in EXPENSE_IDS:
            writes = [each for each in self._world.writes(transaction_id) if each.method == "POST"]
            syncs = [each.sync_id for each in writes if each.is_open or each.is_done]
            if len(syncs) > 1:
                raise TwiceError(f"{transaction_id} is created by {', '.join(syncs)}, or may yet be")

    @invariant()
    def is_updated_as_the_product_says(self) -> None:
        """Let the product update an expense as often as it likes, and a transfer, which its first PUT makes.

        What nobody asks for is a second one on its way, of which none knows which comes last; and one that retry sends
        although the one before it is in the books: it writes twice, or an older body over a newer one.
        """
        for transaction_id in TRANSACTION_IDS:
            for before, update in pairwise(self._world.writes(transaction_id)):
                if before.is_open:
                    raise TwiceError(f"{transaction_id} is written by {update.sync_id} while {before.sync_id} is open")
                if update.method == "PUT" and update.is_of_retry and before.is_done:
                    raise TwiceError(f"{transaction_id} is written by {update.sync_id}, and was by {before.sync_id}")

    def teardown(self) -> None:
        """Let all come to rest, and look."""
        try:
            if self.comes_to_rest and sys.exception() is None:
                self._come_to_rest()
                self._check_that_nothing_is_forgotten()
        finally:
            self._world.close()

    def _come_to_rest(self) -> None:
        """End or crash whoever runs; then have all heard of, and retried by the clock, until no failure waits."""
        for number, run in enumerate(self._world.runs):
            (run.job.crash if number % 2 else run.job.finish)()
        self._world.tidy()
        self._world.link()
        for _ in range(_MOST_ROUNDS):
            self._run_round()
            self.is_created_once()
            self.is_updated_as_the_product_says()
            steps, failed = self._steps(), self._world.failed_ids()
            if not self._world.open_syncs() and not {steps[name] for name in failed} & {Step.RETRY, Step.WAIT}:
                return
        raise ForgottenError(f"it does not come to rest: {steps}")

    def _run_round(self) -> None:
        self._world.pass_by(timedelta(hours=2))
        self._finish(self._world.hear_of_company())
        for sync_id in self._world.open_syncs():
            self._world.codat.settle(sync_id, Outcome(otherwise=self._end))
        for sync_id in self._world.ended_syncs():
            self._finish(self._world.hear(sync_id))
        for sync_id in self._world.failed_syncs():
            self._finish(self._world.retry(sync_id, is_for_person=False))

    def _steps(self) -> dict[str, Step]:
        return {name: each.step for name, each in self._world.plans(TRANSACTION_IDS).items()}

    def _check_that_nothing_is_forgotten(self) -> None:
        for transaction_id, step in self._steps().items():
            is_in_books = self._world.is_in_books(transaction_id)
            if step is Step.WRITTEN and not is_in_books:
                raise ForgottenError(f"{transaction_id} is not in the books, as the plan says")
            if step is Step.RECONNECT:
                raise ForgottenError(f"{transaction_id} waits for a connection that is there")
            # Of what is in the books it may be said that an update failed.
            is_updated = transaction_id in self._world.updated
            if is_in_books and not is_updated and step not in {Step.WRITTEN, Step.UNKNOWN}:
                raise ForgottenError(f"{transaction_id} is in the books, and the plan says {step}")

    # ------------------------------------------------------------

    def _finish(self, run: Run) -> None:
        run.job.finish()
        self._world.tidy()

    def _draw_run(self, draw: Draw) -> Run:
        runs = {run.name: run for run in self._world.runs}
        return runs[draw(list(runs))]

    def _advance(self, run: Run, stretch: Stretch) -> None:
        job = run.job
        while job.next_call:
            if stretch is Stretch.TO_WRITE and job.next_call.is_write_to_codat:
                break
            job.step()
            if stretch is Stretch.CALL:
                break
            if stretch is Stretch.TO_CLAIMED and job.next_call and job.next_call.name == "update_item":
                break
            if stretch is Stretch.TO_CHANGE and job.next_call and job.next_call.name in _CHANGES:
                break
        self._world.tidy()


def _draw(data: st.DataObject, choices: Sequence[T]) -> T:
    return data.draw(st.sampled_from(choices))
