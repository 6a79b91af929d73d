"""Everything that can happen, in any order."""

import sys
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeVar

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from codat_sync.core.timestamps import parse_instant
from dev.codat_simulator.books.models import Item, Sync
from dev.deploying.template import read_template
from tests.property.convergence.truth import (
    Snapshot,
    UntrueError,
    check_at_any_time,
    check_convergence,
    check_parts,
    check_read,
)
from tests.property.convergence.world import COMPANY_ID, Run, World
from tests.support.stepping import Call, Fate

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from tests.property.convergence.surroundings import Message

T = TypeVar("T")

_TABLE = read_template()["Resources"]["SyncTable"]["Properties"]
DEFINITION = {
    name: _TABLE[name] for name in ("KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes", "BillingMode")
}
_TABLE_NAME = "syncs"
_MOST_RUNS = 3
_MOST_MESSAGES = 3
# Whatever happened before, so many rounds of the clock are enough.
_MOST_ROUNDS = 40
_IN_PROGRESS = 1000


def _rows(count: int, status: str, message: str | None = None) -> tuple[Item, ...]:
    return tuple(Item(f"t{number}", status, "expense", message) for number in range(count))


class State(Enum):
    """What Codat says of a sync: few different things, so that it comes back to one that it said before."""

    BEGUN = (_IN_PROGRESS, ())
    PENDING = (2000, (Item("t1"), Item("t2", "Pending")))
    DONE = (2000, (Item("t1"), Item("t2"), Item("t2")))
    FAILED = (5130, (Item("t1"), Item("t3", "PushError", "expense", "no such account")))
    LARGE = (2000, _rows(5, "Completed"))
    LARGE_FAILED = (5130, _rows(5, "PushError", "closed"))


# What Codat says by turns, in a race: each is its last word for all that anyone knows, so no later look mends what was
# overlooked.
_RIVALS = [
    [State.DONE, State.FAILED],
    [State.LARGE, State.FAILED],
    [State.LARGE, State.LARGE_FAILED],
]


class Mood(Enum):
    """What kind of things happen in an example."""

    RACE = "workers overtake each other"
    CALM = "everything, and nothing goes wrong"
    STORM = "everything"


class Stretch(Enum):
    """How far a run goes on."""

    CALL = "one call"
    TO_ANSWER = "until Codat has answered"
    TO_COMMIT = "until it is about to write the document"
    TO_END = "to its end"


class Draw(Protocol):
    """Draws one of some things."""

    def __call__(self, choices: Sequence[T]) -> T: ...


class Convergence(RuleBasedStateMachine):
    """Codat, its webhooks, the queue, workers, the clock and readers around one table.

    One rule draws what happens from what can happen now. With a rule for each, Hypothesis leaves some out of an
    example, and without those that all the others wait for it comes to nothing.
    """

    dynamodb: ClassVar["DynamoDBClient"]
    moods: ClassVar[Sequence[Mood]] = tuple(Mood)

    def __init__(self) -> None:
        super().__init__()
        self.dynamodb.create_table(TableName=_TABLE_NAME, **DEFINITION)
        self._world = World(self.dynamodb, _TABLE_NAME)
        self._table = self._look()
        self._mood = Mood.RACE
        self._states: Sequence[State] = ()

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        """Announce one or two syncs. An example has few states, so that Codat comes back to one it was in."""
        draw = partial(_draw, data)
        self._mood = draw(self.moods)
        is_race = self._mood is Mood.RACE
        self._states = draw(_RIVALS) if is_race else data.draw(st.permutations(list(State)))[:3]
        for sync_id in ("s1", "s2")[: 1 if is_race else draw([1, 1, 2])]:
            code, items = self._states[0].value
            self._world.codat.add_sync(self._world.codat.company(COMPANY_ID), code, items, sync_id=sync_id)
            self._announce(sync_id)

    @rule(data=st.data())
    def happen(self, data: st.DataObject) -> None:
        """Let one of all the things happen that can, the more likely ones more often."""
        moves = {move.__name__: move for move in self._moves()}
        names = [move.__name__ for move, weight in self._moves().items() for _ in range(weight)]
        draw = partial(_draw, data)
        moves[draw(names)](draw)

    def _moves(self) -> dict[Callable[[Draw], None], int]:
        """Return what can happen now, and how likely it is."""
        runs, messages = len(self._world.runs), len(self._world.sqs.messages)
        may_start, may_tell = runs < _MOST_RUNS, messages < _MOST_MESSAGES
        moves: dict[Callable[[Draw], None], int] = {
            self._change: 2 * may_tell,
            self._start_worker: 3 * (may_start and messages > 0),
            self._go_on: 3 * (runs > 0),
        }
        if self._mood is not Mood.RACE:
            moves[self._tell_again] = 1 * may_tell
            moves[self._start_clock] = 1 * (may_start and bool(self._table.due))
            moves[self._start_reader] = 1 * (may_start and bool(self._table.parts))
        if self._mood is Mood.STORM:
            moves[self._stumble] = 2 * (runs > 0)
        return moves

    # ------------------------------------------------------------ what Codat does

    def _change(self, draw: Draw) -> None:
        """Have Codat say something else. What a sync becomes while it is in progress we may never hear of."""
        sync = self._draw_sync(draw)
        state = draw([state for state in self._states if state.value != (sync.code, sync.items)])
        code, items = state.value
        self._world.codat.change_sync(sync.sync_id, code=code, items=items)
        note(f"{sync.sync_id} is {state.name}")
        if sync.code != _IN_PROGRESS or draw([True, False]):
            message = self._announce(sync.sync_id)
            # It is common that a worker takes that in at once; and a worker that was there before is overtaken then.
            if len(self._world.runs) < _MOST_RUNS and draw([True, False]):
                self._work([message], Stretch.TO_END)

    def _tell_again(self, draw: Draw) -> None:
        """Have a webhook come once more, however old it is; or, seldom, one about the quota."""
        what = draw(["again", "again", "again", "reached", "reset"])
        if what == "again":
            webhook_id = draw(list(self._world.webhooks))
            self._world.resend_webhook(webhook_id)
            note(f"{webhook_id} again")
        else:
            self._world.send_webhook(self._world.codat.event(event_type=f"client.rateLimit.{what}"))
            note(f"the quota is {what}")

    # ------------------------------------------------------------ what runs

    def _start_worker(self, draw: Draw) -> None:
        """Hand out any messages; now and then one that another worker has in hand, which comes once more then."""
        messages = [each for each in self._world.sqs.messages.values() if not each.is_in_hand]
        if not messages or (self._mood is not Mood.RACE and draw([False, False, True])):
            messages = list(self._world.sqs.messages.values())
        first, size = draw(range(len(messages))), draw([1, 1, 1, 3])
        self._work((messages[first:] + messages[:first])[:size], self._draw_stretch(draw))

    def _start_clock(self, draw: Draw) -> None:
        wait = draw([0, 70, 1000, 100_000])
        note(f"{wait} s later the clock")
        self._world.pass_by(timedelta(seconds=wait))
        self._advance(self._world.start_clock(), self._draw_stretch(draw))

    def _start_reader(self, draw: Draw) -> None:
        """Begin to read, where there are parts: else a document is read by one call."""
        sync = self._draw_sync(draw)
        note(f"a reader of {sync.sync_id}")
        self._advance(self._world.start_reader(sync.sync_id), Stretch.CALL)

    def _go_on(self, draw: Draw) -> None:
        run = self._draw_run(draw)
        note(f"{run.name} goes on")
        self._advance(run, self._draw_stretch(draw))

    def _stumble(self, draw: Draw) -> None:
        """Have something befall a run's next call."""
        run = self._draw_run(draw)
        assert run.job.next_call
        fate = draw([each for each in Fate if each in run.job.next_call.fates])
        note(f"{run.name} at {run.job.next_call.name}: {fate.value}")
        run.job.step(fate)
        self._end_runs()

    # ------------------------------------------------------------ what has to be true

    @invariant()
    def is_true(self) -> None:
        """Look at the table whenever something was written that matters."""
        if self._world.dynamodb.has_written:
            self._world.dynamodb.has_written = False
            self._table = self._look()
            check_at_any_time(self._table, self._world.codat.syncs, self._world.answers)
        is_quiet = not (self._world.runs or self._world.sqs.messages or self._world.sqs.dead_letters)
        if is_quiet and not self._table.due_syncs:
            check_convergence(self._table, self._world.codat.syncs)

    def teardown(self) -> None:
        """Let all come to rest, and look."""
        try:
            if sys.exception() is None:
                self._come_to_rest()
                check_convergence(self._look(), self._world.codat.syncs)
                check_parts(self._look())
        finally:
            self._world.close()
            self.dynamodb.delete_table(TableName=_TABLE_NAME)

    def _come_to_rest(self) -> None:
        """Let nothing happen at Codat any more but what nobody hears of, and do all that is left to be done."""
        for sync in self._world.codat.syncs:
            if sync.code == _IN_PROGRESS or any(item.status == "Pending" for item in sync.items):
                self._world.codat.change_sync(sync.sync_id, code=2000, items=(Item("t1"), Item("t4")))
        for run in self._world.runs:
            run.job.finish()
        self._end_runs()
        for _ in range(_MOST_ROUNDS):
            self._world.sqs.redrive()
            self._world.work_off()
            due = self._look().due
            if not due:
                return
            self._pass_until(min(_moment(item["dueAt"]) for item in due))
            ticked = self._world.tick()
            if ticked.closure:
                self._pass_until(ticked.closure.until)
        raise UntrueError(f"it does not come to rest: {due}")

    # ------------------------------------------------------------

    def _announce(self, sync_id: str) -> "Message":
        message = self._world.send_webhook(self._world.codat.event(self._world.codat.sync(sync_id)))
        note(f"{message} about {sync_id}")
        return message

    def _work(self, messages: "list[Message]", stretch: Stretch) -> None:
        run = self._world.start_worker(messages)
        note(f"{run.name} takes {', '.join(map(str, messages))}")
        self._advance(run, stretch)

    def _advance(self, run: Run, stretch: Stretch) -> None:
        done: Call | None = None
        while run.job.next_call and not (done and _is_far_enough(stretch, done, run.job.next_call)):
            done = run.job.next_call
            run.job.step()
        note(f"{run.name} stands before {run.job.next_call.name}" if run.job.next_call else f"{run.name} ends")
        self._end_runs()

    def _end_runs(self) -> None:
        for document in self._world.end_runs():
            check_read(document, self._world.answers)

    def _pass_until(self, moment: datetime) -> None:
        self._world.pass_by(max(moment - self._world.clock.now(), timedelta()))

    def _look(self) -> Snapshot:
        return Snapshot(self.dynamodb, _TABLE_NAME)

    def _draw_sync(self, draw: Draw) -> Sync:
        return self._world.codat.sync(draw([sync.sync_id for sync in self._world.codat.syncs]))

    def _draw_run(self, draw: Draw) -> Run:
        runs = {run.name: run for run in self._world.runs}
        return runs[draw(list(runs))]

    def _draw_stretch(self, draw: Draw) -> Stretch:
        """Return how far a run goes on: in a race, to where it matters that another comes in between."""
        is_race = self._mood is Mood.RACE
        return draw([stretch for stretch in Stretch if not (is_race and stretch is Stretch.CALL)])


def _draw(data: st.DataObject, choices: Sequence[T]) -> T:
    return data.draw(st.sampled_from(choices))


def _is_far_enough(stretch: Stretch, done: Call, following: Call) -> bool:
    match stretch:
        case Stretch.CALL:
            return True
        case Stretch.TO_ANSWER:
            return done.asks_codat and not following.asks_codat
        case Stretch.TO_COMMIT:
            return following.writes_document
    return False


def _moment(text: str) -> datetime:
    moment = parse_instant(text)
    assert moment
    return moment
