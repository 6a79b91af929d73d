"""Everything that can happen to submitted expenses, in any order: submissions, retries, workers and faults."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from enum import Enum
from itertools import pairwise

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import invariant

from codat_sync.aws.dynamodb import Table
from codat_sync.submissions.expense_bodies import Kind
from codat_sync.syncs.retry_record import Step
from dev.codat_simulator.books.settling import Outcome, Verdict
from tests.property.never_twice.world import EXPENSE_IDS, TRANSACTION_IDS, TRANSFER_ID, Request, World
from tests.property.runs import Run
from tests.property.stateful import MAX_RUNS, Draw, Move, SteppedMachine, stumble
from tests.support.clock import ManualClock

_CALLS_OF_A_RETRY = range(1, 16)  # about
_CHANGES = {"batch_write_item", "transact_write_items", "update_item"}
_ONE, _OTHER = EXPENSE_IDS
_KEY, _OTHER_KEY = "c0000000-0000-4000-8000-000000000003", "d0000000-0000-4000-8000-000000000004"
# Requests that interfere with each other: an example uses one group.
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
# Rounds after which everything has come to rest, whatever happened before.
_MAX_ROUNDS = 10


class TwiceError(AssertionError):
    """We wrote an expense twice: the harm to be prevented."""


class LostError(AssertionError):
    """An expense is not in the books, and its plan does not say why."""


class ForgottenError(AssertionError):
    """A submission is in flight, and nobody will ever look for its outcome."""


class Until(Enum):
    """How far a run advances."""

    CALL = "the next call"
    CHANGE = "a change that others can see"
    CLAIMED = "its claim, before it is marked as sent"
    WRITE = "its write to Codat"
    END = "its end"


class NeverTwice(SteppedMachine[Run]):
    """A product, retry, workers, Codat and an operator in its portal around one table."""

    make_table: Callable[[ManualClock], Table]
    world: World

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self.make_table)

    def set_up(self, draw: Draw, data: st.DataObject) -> None:
        """Choose few requests, so that they repeat; often the first one has failed and been ingested."""
        group = st.sampled_from(draw([_GROUPS[0], *_GROUPS]))
        self._requests = data.draw(st.lists(group, min_size=2, max_size=3, unique=True))
        self._last = self._requests[0]
        self._is_stormy = draw([False, True])
        self._end = draw([_DONE, _DONE, _FAILED])
        if draw([False, True]):
            self._fail(self._requests[0])
        else:
            self._advance(self.world.submit(self._requests[0]), draw(list(Until)))

    def _fail(self, request: Request) -> None:
        self._finish(self.world.submit(request))
        (sync_id,) = self.world.open_syncs()
        self.world.codat.settle(sync_id, Outcome(otherwise=_FAILED))
        self._finish(self.world.deliver_sync_event(sync_id))

    def moves(self) -> Mapping[Move, int]:
        world, is_free = self.world, len(self.world.runs) < MAX_RUNS
        return {
            # Most likely while something else has not ended.
            self._submit: (3 + 3 * bool(world.runs) + 3 * world.network.is_holding) * is_free,
            self._record: int(is_free and self._is_stormy),
            self._retry: 3 * (is_free and bool(world.failed_syncs())),
            self._overtake: 2 * (is_free and bool(world.failed_syncs())),
            self._deliver_sync_event: 3 * (is_free and bool(world.ended_syncs())),
            self._check_outcome: 2 * (is_free and bool(world.due_submission_ids())),
            self._settle: 3 * bool(world.open_syncs()),
            self._go_on: 4 * bool(world.runs),
            self._stumble: (1 + 2 * self._is_stormy) * bool(world.runs),
            self._deliver_late_requests: int(world.network.is_holding),
            self._link: 2 * (not world.is_linked),
            self._deliver_company_event: int(is_free and self._is_stormy),
            self._retry_in_portal: int(bool(world.failed_ids()) and self._is_stormy),
            self._wait: 3,
        }

    # ------------------------------------------------------------ requests

    def _submit(self, draw: Draw) -> None:
        request = self._last = draw([*self._requests, self._last, self._last])
        note(f"submit {request}")
        self._advance(self.world.submit(request), draw(list(Until)))

    def _record(self, draw: Draw) -> None:
        request = draw(self._requests)
        note(f"record {request}")
        self._advance(self.world.record(request), draw(list(Until)))

    def _retry(self, draw: Draw) -> None:
        sync_id = draw(self.world.failed_syncs())
        is_for_operator = draw([True, True, False])
        note(f"retry {sync_id}, for an operator: {is_for_operator}")
        self._advance(self.world.retry(sync_id, is_for_operator=is_for_operator), draw(list(Until)))

    def _overtake(self, draw: Draw) -> None:
        """Start the same while a retry is at one of its calls, and finish it first."""
        sync_id, calls, is_retry = draw(self.world.failed_syncs()), draw(_CALLS_OF_A_RETRY), draw([True, False])
        note(f"retry {sync_id}, overtaken after {calls} calls by {'a retry' if is_retry else self._last}")
        slow = self.world.retry(sync_id, is_for_operator=True)
        for _ in range(calls):
            if slow.job.next_call:
                slow.job.step()
        quick = self.world.retry(sync_id, is_for_operator=True) if is_retry else self.world.submit(self._last)
        self._finish(quick)
        self._finish(slow)

    def _deliver_sync_event(self, draw: Draw) -> None:
        sync_id = draw(self.world.ended_syncs()[::-1])
        note(f"deliver the event of {sync_id}")
        self._advance(self.world.deliver_sync_event(sync_id), draw([Until.END, Until.END, Until.CALL]))

    def _check_outcome(self, draw: Draw) -> None:
        submission_id = draw(self.world.due_submission_ids())
        note(f"look up the outcome of submission {submission_id}")
        self._advance(self.world.check_outcome(submission_id), draw(list(Until)))

    def _deliver_company_event(self, draw: Draw) -> None:
        note("deliver an event of the company")
        self._advance(self.world.deliver_company_event(), draw([Until.END, Until.END, Until.CALL]))

    def _link(self, _: Draw) -> None:
        note("the company is linked again")
        self.world.link()

    def _retry_in_portal(self, draw: Draw) -> None:
        transaction_id = draw(self.world.failed_ids())
        note(f"{transaction_id} is retried in the portal")
        self.world.retry_in_portal(transaction_id)

    # ------------------------------------------------------------ progress

    def _settle(self, draw: Draw) -> None:
        sync = self.world.codat.sync(draw(self.world.open_syncs()))
        verdicts = {item.transaction_id: draw(_VERDICTS) for item in sync.items if item.transaction_id}
        note(f"{sync.sync_id} ends: {[verdict.status for verdict in verdicts.values()]}")
        self.world.codat.settle(sync.sync_id, Outcome(verdicts))

    def _go_on(self, draw: Draw) -> None:
        run = self.draw_run(draw)
        note(f"{run.name} goes on")
        self._advance(run, draw(list(Until)))

    def _stumble(self, draw: Draw) -> None:
        """Let a run's next call meet a fault, or often its write to Codat."""
        run = self.draw_run(draw)
        if draw([True, True, False]):
            self._advance(run, Until.WRITE)
        if run.job.next_call:
            stumble(run, draw(tuple(run.job.next_call.fates)))
        self.world.reap_runs()

    def _deliver_late_requests(self, _: Draw) -> None:
        note("late requests arrive")
        self.world.network.deliver()

    def _wait(self, draw: Draw) -> None:
        seconds = draw(_WAITS)
        note(f"{seconds} s pass")
        self.world.pass_by(timedelta(seconds=seconds))

    # ------------------------------------------------------------ invariants

    @invariant()
    def is_created_once(self) -> None:
        """Check that at most one of our syncs creates an expense; an open one may do so at any time."""
        for transaction_id in EXPENSE_IDS:
            writes = [each for each in self.world.writes(transaction_id) if each.method == "POST"]
            syncs = [each.sync_id for each in writes if each.is_open or each.is_done]
            if len(syncs) > 1:
                raise TwiceError(f"{transaction_id} is created by {', '.join(syncs)}, or may yet be")

    @invariant()
    def is_updated_as_the_product_says(self) -> None:
        """Check updates: an expense or transfer may be updated as often as the product likes, but one at a time.

        A second one in flight is an error, because their order is unknown. So is one that retry sends although the one
        before is in the books: it would write twice, or overwrite a newer body.
        """
        for transaction_id in TRANSACTION_IDS:
            for before, update in pairwise(self.world.writes(transaction_id)):
                if before.is_open:
                    raise TwiceError(f"{transaction_id} is written by {update.sync_id} while {before.sync_id} is open")
                if update.method == "PUT" and update.is_of_retry and before.is_done:
                    raise TwiceError(f"{transaction_id} is written by {update.sync_id}, and was by {before.sync_id}")

    @invariant()
    def is_looked_for(self) -> None:
        """Check that each submission in flight is due at some time or listed for an operator, at every moment."""
        if forgotten := self.world.forgotten_submission_ids():
            raise ForgottenError(f"nobody looks for the outcome of {', '.join(forgotten)}")

    def come_to_rest(self) -> None:
        """Finish everything, and check that no expense is lost."""
        self._finish_all_work()
        self._check_that_nothing_is_lost()

    def _finish_all_work(self) -> None:
        """Finish or crash all runs, then ingest and retry until no failure can be retried."""
        for number, run in enumerate(self.world.runs):
            (run.job.crash if number % 2 else run.job.finish)()
        self.world.reap_runs()
        self.world.link()
        for _ in range(_MAX_ROUNDS):
            self._run_round()
            self.is_created_once()
            self.is_updated_as_the_product_says()
            self.is_looked_for()
            steps, failed = self._steps(), self.world.failed_ids()
            if not self.world.open_syncs() and not {steps[name] for name in failed} & {Step.RETRY_NOW, Step.SCHEDULED}:
                return
        raise LostError(f"failures remain to be retried: {steps}")

    def _run_round(self) -> None:
        self.world.pass_by(timedelta(hours=2))
        self._finish(self.world.deliver_company_event())
        for sync_id in self.world.open_syncs():
            self.world.codat.settle(sync_id, Outcome(otherwise=self._end))
        for sync_id in self.world.ended_syncs():
            self._finish(self.world.deliver_sync_event(sync_id))
        for submission_id in self.world.due_submission_ids():
            self._finish(self.world.check_outcome(submission_id))
        for sync_id in self.world.failed_syncs():
            self._finish(self.world.retry(sync_id, is_for_operator=False))

    def _steps(self) -> dict[str, Step]:
        return {name: each.step for name, each in self.world.plans(TRANSACTION_IDS).items()}

    def _check_that_nothing_is_lost(self) -> None:
        for transaction_id, step in self._steps().items():
            is_in_books = self.world.is_in_books(transaction_id)
            if step is Step.ALREADY_WRITTEN and not is_in_books:
                raise LostError(f"{transaction_id} is not in the books, as the plan says")
            if step is Step.NEEDS_RECONNECTION:
                raise LostError(f"{transaction_id} waits for a connection although it is linked")
            # The plan of an expense in the books may say that an update failed.
            is_updated = transaction_id in self.world.updated
            if is_in_books and not is_updated and step not in {Step.ALREADY_WRITTEN, Step.OUTCOME_UNKNOWN}:
                raise LostError(f"{transaction_id} is in the books, and the plan says {step}")

    # ------------------------------------------------------------ steps

    def _finish(self, run: Run) -> None:
        run.job.finish()
        self.world.reap_runs()

    def _advance(self, run: Run, until: Until) -> None:
        job = run.job
        while job.next_call:
            if until is Until.WRITE and job.next_call.is_write_to_codat:
                break
            job.step()
            if until is Until.CALL:
                break
            if until is Until.CLAIMED and job.next_call and job.next_call.name == "update_item":
                break
            if until is Until.CHANGE and job.next_call and job.next_call.name in _CHANGES:
                break
        self.world.reap_runs()
