"""Whatever interleaves and crashes, the table comes to say what Codat says."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.property.convergence import bugs
from tests.property.convergence.machine import Convergence, Mood
from tests.property.convergence.truth import UntrueError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

pytestmark = [
    pytest.mark.xdist_group("property"),  # one emulator for all of them
    pytest.mark.no_cover,  # the same lines many thousand times: to look at each takes half of the time
]

# After ten examples Hypothesis goes on with variations of those that it has: many short searches, each with a seed of
# its own, see more. The same seeds see the same, each time.
_SETTINGS = settings(
    max_examples=9,
    stateful_step_count=16,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    report_multiple_bugs=False,
)
_QUICKLY = settings(_SETTINGS, phases=[Phase.generate])
_SEEDS = range(9)
# Most often, a dozen examples find a bug; an unlucky change of the code or of Hypothesis must not hide it.
_MORE_SEEDS = range(40)


def _search(client: "DynamoDBClient", config: settings, seeds: Sequence[int], among: Sequence[Mood]) -> None:
    class Here(Convergence):
        dynamodb = client
        moods = among

    for number in seeds:
        run_state_machine_as_test(seed(number)(Here), settings=config)


def test_the_table_converges_on_codats_truth(dynamodb: "DynamoDBClient") -> None:
    """After any interleaving of workers, the clock and readers, whatever befalls their calls."""
    _search(dynamodb, _SETTINGS, _SEEDS, list(Mood))


@pytest.mark.parametrize(
    ("bug", "moods", "found"),
    [
        (bugs.commit_without_the_condition, [Mood.RACE], 0),
        (bugs.version_read_after_the_fetch, [Mood.RACE], 0),
        (bugs.pointers_after_the_document, [Mood.CALM, Mood.STORM], 0),
        (bugs.parts_named_by_version, [Mood.RACE], 3),
        (bugs.no_second_try_after_a_lost_race, [Mood.RACE], 2),
        (bugs.nobody_looks_for_unchanged_events, [Mood.RACE], 0),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_with_a_bug_it_does_not(
    dynamodb: "DynamoDBClient",
    monkeypatch: pytest.MonkeyPatch,
    bug: Callable[[pytest.MonkeyPatch], None],
    moods: list[Mood],
    found: int,
) -> None:
    """Each of the things that make it converge is needed, and would be missed; first where that was seen last."""
    bug(monkeypatch)
    with pytest.raises(UntrueError):
        _search(dynamodb, _QUICKLY, [found, *_MORE_SEEDS], moods)
