"""The skeleton of the stateful tests: one rule draws the next move, until the world is brought to rest and checked."""

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import new_class
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from hypothesis import HealthCheck, note, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.property.runs import Run, RunT, SteppedWorld
from tests.support.stepping import Fate

T = TypeVar("T")
# Runs at the same time.
MAX_RUNS = 3


class Draw(Protocol):
    """Draws one of several choices."""

    def __call__(self, choices: Sequence[T]) -> T: ...


Move = Callable[[Draw], None]
Machine = TypeVar("Machine", bound="SteppedMachine[Any]")


class SteppedMachine(RuleBasedStateMachine, Generic[RunT]):
    """Draws moves of a world whose runs advance one call at a time.

    One rule draws the next move from those that are possible. With a rule per move, Hypothesis would leave some out of
    an example, and without the moves that all others depend on nothing would happen.
    """

    world: SteppedWorld[RunT]
    comes_to_rest: ClassVar[bool] = True

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        """Set the scene."""
        self.set_up(partial(draw_from, data), data)

    @rule(data=st.data())
    def happen(self, data: st.DataObject) -> None:
        """Make one of the possible moves, the more likely ones more often."""
        draw = partial(draw_from, data)
        moves = {move.__name__: move for move in self.moves()}
        names = [move.__name__ for move, weight in self.moves().items() for _ in range(weight)]
        moves[draw(names)](draw)

    def teardown(self) -> None:
        """Bring the world to rest and check it, unless the example has failed already."""
        try:
            if self.comes_to_rest and sys.exception() is None:
                self.come_to_rest()
        finally:
            self.close()

    def set_up(self, draw: Draw, data: st.DataObject) -> None:
        """Make the example's beginning."""
        raise NotImplementedError

    def moves(self) -> Mapping[Move, int]:
        """Return the possible moves with their weights; 0 if it is impossible now."""
        raise NotImplementedError

    def come_to_rest(self) -> None:
        """Let everything finish, and raise if the outcome is wrong."""
        raise NotImplementedError

    def close(self) -> None:
        """End what still runs."""
        self.world.close()

    def draw_run(self, draw: Draw) -> RunT:
        """Draw one of the unfinished runs."""
        runs = {run.name: run for run in self.world.runs}
        return runs[draw(list(runs))]


def draw_from(data: st.DataObject, choices: Sequence[T]) -> T:
    """Draw one of ``choices``."""
    return data.draw(st.sampled_from(choices))


def search_settings(**more: Any) -> settings:  # noqa: ANN401 - Hypothesis'
    """Return the settings of one search.

    After ten examples Hypothesis varies those that it has: many short searches, each with a seed of its own, cover
    more. The same seeds make the same examples.
    """
    return settings(
        max_examples=9,
        database=None,
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        **more,
    )


def search(machine: type[Machine], seeds: Sequence[int], config: settings, **attributes: object) -> None:
    """Search with each seed; raises what the first failing example raised. ``attributes`` configure the machine."""
    configured = new_class(machine.__name__, (machine,), exec_body=lambda namespace: namespace.update(attributes))
    for number in seeds:
        run_state_machine_as_test(seed(number)(configured), settings=config)


def stumble(run: Run, fate: Fate) -> None:
    """Let the run's next call meet ``fate``."""
    assert run.job.next_call
    note(f"{run.name} at {run.job.next_call.name}: {fate.value}")
    run.job.step(fate)
