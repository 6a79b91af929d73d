"""Everything that can happen to syncs, in any order: webhooks, workers, the clock, readers and faults."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, ClassVar

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import invariant

from codat_sync.core.timestamps import parse_timestamp
from codat_sync.syncs.retry_record import Retry, RetryState, Step
from dev.codat_simulator.books.models import Item, Sync
from tests.property.convergence.invariants import (
    InvariantError,
    Snapshot,
    check_at_any_time,
    check_convergence,
    check_parts,
    check_read,
)
from tests.property.convergence.world import COMPANY_ID, Run, World
from tests.property.stateful import MAX_RUNS, Draw, Move, SteppedMachine, stumble
from tests.support.stepping import Call, Fate
from tests.support.tables.sync_table import create_sync_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from tests.property.convergence.boundaries import Message

_TABLE_NAME = "syncs"
_MAX_MESSAGES = 3
# Runs of the clock after which everything has come to rest, whatever happened before.
_MAX_CLOCK_RUNS = 40
_IN_PROGRESS = 1000


def _rows(count: int, status: str, message: str | None = None) -> tuple[Item, ...]:
    return tuple(Item(f"t{number}", status, "expense", message) for number in range(count))


class State(Enum):
    """What Codat says of a sync: few different states, so that it returns to an earlier one."""

    BEGUN = (_IN_PROGRESS, ())
    PENDING = (2000, (Item("t1"), Item("t2", "Pending")))
    DONE = (2000, (Item("t1"), Item("t2"), Item("t2")))
    FAILED = (5130, (Item("t1"), Item("t3", "PushError", "expense", "no such account")))
    LARGE = (2000, _rows(5, "Completed"))
    LARGE_FAILED = (5130, _rows(5, "PushError", "closed"))


# Codat's alternating states in a race: each is final, so no later poll corrects what was overlooked.
_RIVALS = [
    [State.DONE, State.FAILED],
    [State.LARGE, State.FAILED],
    [State.LARGE, State.LARGE_FAILED],
]


# What retry finds out about failed transactions.
_PLANS = [
    Retry(RetryState.STOPPED, (), {Step.NEEDS_CORRECTION: 1}, None),
    Retry(RetryState.RESOLVED, (), {Step.ALREADY_WRITTEN: 1}, None),
]


class Scenario(Enum):
    """Which moves an example has."""

    RACE = "workers overtake each other"
    CALM = "everything but faults"
    STORM = "everything, with faults"


class Until(Enum):
    """How far a run advances."""

    CALL = "the next call"
    ANSWER = "Codat's answer"
    COMMIT = "the write of the document"
    END = "its end"


class Convergence(SteppedMachine[Run]):
    """Codat, its webhooks, the queue, workers, the clock and readers around one table."""

    dynamodb: ClassVar["DynamoDBClient"]
    scenarios: ClassVar[Sequence[Scenario]] = tuple(Scenario)
    world: World

    def __init__(self) -> None:
        super().__init__()
        create_sync_table(self.dynamodb, _TABLE_NAME)
        self.world = World(self.dynamodb, _TABLE_NAME)
        self._table = self._read_table()
        self._scenario = Scenario.RACE
        self._states: Sequence[State] = ()

    def set_up(self, draw: Draw, data: st.DataObject) -> None:
        """Announce one or two syncs, with few states, so that Codat returns to an earlier one."""
        self._scenario = draw(self.scenarios)
        is_race = self._scenario is Scenario.RACE
        self._states = draw(_RIVALS) if is_race else data.draw(st.permutations(list(State)))[:3]
        for sync_id in ("s1", "s2")[: 1 if is_race else draw([1, 1, 2])]:
            code, items = self._states[0].value
            self.world.codat.add_sync(self.world.codat.company(COMPANY_ID), code, items, sync_id=sync_id)
            self._announce(sync_id)

    def moves(self) -> Mapping[Move, int]:
        runs, messages = len(self.world.runs), len(self.world.sqs.messages)
        may_start, may_announce = runs < MAX_RUNS, messages < _MAX_MESSAGES
        moves: dict[Move, int] = {
            self._change: 2 * may_announce,
            self._start_worker: 3 * (may_start and messages > 0),
            self._go_on: 3 * (runs > 0),
        }
        if self._scenario is not Scenario.RACE:
            moves[self._redeliver] = 1 * may_announce
            moves[self._start_clock] = 1 * (may_start and bool(self._table.due))
            moves[self._start_retry] = 1 * (may_start and bool(self._table.retried_syncs))
            moves[self._start_reader] = 1 * (may_start and bool(self._table.parts))
        if self._scenario is Scenario.STORM:
            moves[self._stumble] = 2 * (runs > 0)
        return moves

    # ------------------------------------------------------------ Codat

    def _change(self, draw: Draw) -> None:
        """Change a sync at Codat. While it is in progress, the change may never be announced."""
        sync = self._draw_sync(draw)
        state = draw([state for state in self._states if state.value != (sync.code, sync.items)])
        code, items = state.value
        self.world.codat.change_sync(sync.sync_id, code=code, items=items)
        note(f"{sync.sync_id} is {state.name}")
        if sync.code != _IN_PROGRESS or draw([True, False]):
            message = self._announce(sync.sync_id)
            # Usually a worker processes it at once, and overtakes one that has started before.
            if len(self.world.runs) < MAX_RUNS and draw([True, False]):
                self._start_on([message], Until.END)

    def _redeliver(self, draw: Draw) -> None:
        """Redeliver a webhook, however old it is, or sometimes announce a change of the quota."""
        what = draw(["again", "again", "again", "reached", "reset"])
        if what == "again":
            webhook_id = draw(list(self.world.webhooks))
            self.world.resend_webhook(webhook_id)
            note(f"{webhook_id} again")
        else:
            self.world.send_webhook(self.world.codat.event(event_type=f"client.rateLimit.{what}"))
            note(f"the quota is {what}")

    # ------------------------------------------------------------ runs

    def _start_worker(self, draw: Draw) -> None:
        """Deliver any messages, sometimes a second time one that another worker is processing."""
        messages = [each for each in self.world.sqs.messages.values() if not each.is_in_flight]
        if not messages or (self._scenario is not Scenario.RACE and draw([False, False, True])):
            messages = list(self.world.sqs.messages.values())
        first, size = draw(range(len(messages))), draw([1, 1, 1, 3])
        self._start_on((messages[first:] + messages[:first])[:size], self._draw_until(draw))

    def _start_clock(self, draw: Draw) -> None:
        wait = draw([0, 70, 1000, 100_000])
        note(f"{wait} s later the clock")
        self.world.pass_by(timedelta(seconds=wait))
        self._advance(self.world.start_clock(), self._draw_until(draw))

    def _start_reader(self, draw: Draw) -> None:
        """Begin to read a document in parts; one without is read by a single call."""
        sync = self._draw_sync(draw)
        note(f"a reader of {sync.sync_id}")
        self._advance(self.world.start_reader(sync.sync_id), Until.CALL)

    def _start_retry(self, draw: Draw) -> None:
        """Store a plan of failed transactions, which changes what lists show of their sync."""
        sync_id, planned = draw(self._table.retried_syncs), draw(_PLANS)
        note(f"{sync_id} is planned: {planned.state}")
        self._advance(self.world.start_retry(sync_id, planned), self._draw_until(draw))

    def _go_on(self, draw: Draw) -> None:
        run = self.draw_run(draw)
        note(f"{run.name} goes on")
        self._advance(run, self._draw_until(draw))

    def _stumble(self, draw: Draw) -> None:
        """Let a run's next call meet a fault."""
        run = self.draw_run(draw)
        assert run.job.next_call
        stumble(run, draw([each for each in Fate if each in run.job.next_call.fates]))
        self._end_runs()

    # ------------------------------------------------------------ invariants

    @invariant()
    def is_true(self) -> None:
        """Check the table after each relevant write, and against Codat whenever no work is left."""
        if self.world.dynamodb.has_written:
            self.world.dynamodb.has_written = False
            self._table = self._read_table()
            check_at_any_time(self._table, self.world.codat.syncs, self.world.answers)
        is_quiet = not (self.world.runs or self.world.sqs.messages or self.world.sqs.dead_letters)
        if is_quiet and not self._table.due_syncs:
            check_convergence(self._table, self.world.codat.syncs)

    def close(self) -> None:
        super().close()
        self.dynamodb.delete_table(TableName=_TABLE_NAME)

    def come_to_rest(self) -> None:
        """Process everything while nothing changes at Codat but unannounced ends, then check the table."""
        self._finish_all_work()
        check_convergence(self._read_table(), self.world.codat.syncs)
        check_parts(self._read_table())

    def _finish_all_work(self) -> None:
        for sync in self.world.codat.syncs:
            if sync.code == _IN_PROGRESS or any(item.status == "Pending" for item in sync.items):
                self.world.codat.change_sync(sync.sync_id, code=2000, items=(Item("t1"), Item("t4")))
        for run in self.world.runs:
            run.job.finish()
        self._end_runs()
        for _ in range(_MAX_CLOCK_RUNS):
            self.world.sqs.redrive()
            self.world.drain_queue()
            due = self._read_table().due
            if not due:
                return
            self._pass_until(min(_moment(item["dueAt"]) for item in due))
            ticked = self.world.dispatch_due_items()
            if ticked.closure:
                self._pass_until(ticked.closure.until)
        raise InvariantError(f"work is left that never ends: {due}")

    # ------------------------------------------------------------ steps

    def _announce(self, sync_id: str) -> "Message":
        message = self.world.send_webhook(self.world.codat.event(self.world.codat.sync(sync_id)))
        note(f"{message} about {sync_id}")
        return message

    def _start_on(self, messages: "list[Message]", until: Until) -> None:
        run = self.world.start_worker(messages)
        note(f"{run.name} takes {', '.join(map(str, messages))}")
        self._advance(run, until)

    def _advance(self, run: Run, until: Until) -> None:
        done: Call | None = None
        while run.job.next_call and not (done and _is_far_enough(until, done, run.job.next_call)):
            done = run.job.next_call
            run.job.step()
        note(f"{run.name} stands before {run.job.next_call.name}" if run.job.next_call else f"{run.name} ends")
        self._end_runs()

    def _end_runs(self) -> None:
        for document in self.world.end_runs():
            check_read(document, self.world.answers)

    def _pass_until(self, moment: datetime) -> None:
        self.world.pass_by(max(moment - self.world.clock.now(), timedelta()))

    def _read_table(self) -> Snapshot:
        return Snapshot(self.dynamodb, _TABLE_NAME)

    def _draw_sync(self, draw: Draw) -> Sync:
        return self.world.codat.sync(draw([sync.sync_id for sync in self.world.codat.syncs]))

    def _draw_until(self, draw: Draw) -> Until:
        """Draw how far a run advances: in a race, to where it matters that another one overtakes."""
        is_race = self._scenario is Scenario.RACE
        return draw([until for until in Until if not (is_race and until is Until.CALL)])


def _is_far_enough(until: Until, done: Call, following: Call) -> bool:
    match until:
        case Until.CALL:
            return True
        case Until.ANSWER:
            return done.asks_codat and not following.asks_codat
        case Until.COMMIT:
            return following.writes_document
    return False


def _moment(text: str) -> datetime:
    moment = parse_timestamp(text)
    assert moment
    return moment
