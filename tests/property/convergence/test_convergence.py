"""Whatever interleaves and crashes, the table converges on what Codat says."""

from typing import TYPE_CHECKING

import pytest
from hypothesis import Phase, settings

from tests.property.convergence.invariants import InvariantError
from tests.property.convergence.machine import Convergence, Scenario
from tests.property.convergence.seeded_bugs import BUGS
from tests.property.seeded_bugs import Bug, check_found
from tests.property.stateful import search, search_settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

pytestmark = [
    pytest.mark.xdist_group("property"),  # one emulator for all of them
    pytest.mark.no_cover,  # measuring the same lines many thousand times takes half of the time
]

_SETTINGS = search_settings(stateful_step_count=16)
_WITHOUT_SHRINKING = settings(_SETTINGS, phases=[Phase.generate])
_SEEDS = range(9)
# Most bugs are found within a dozen examples. A change of the code or of Hypothesis must not hide one by bad luck.
_MORE_SEEDS = range(40)


def test_the_table_converges_on_codats_state(dynamodb: "DynamoDBClient") -> None:
    """Interleave workers, the clock and readers in any order, with faults in any of their calls."""
    search(Convergence, _SEEDS, _SETTINGS, dynamodb=dynamodb, scenarios=list(Scenario))


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
def test_with_a_seeded_bug_it_does_not(dynamodb: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch, bug: Bug) -> None:
    """Each mechanism is needed: without it the same search fails."""
    bug(monkeypatch)
    scenarios, seed = BUGS[bug]
    seeds = [seed, *_MORE_SEEDS]
    check_found(Convergence, seeds, _WITHOUT_SHRINKING, InvariantError, dynamodb=dynamodb, scenarios=scenarios)
