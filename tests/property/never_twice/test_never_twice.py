"""Whatever interleaves and crashes, no expense is written twice by us, and none is forgotten."""

from collections.abc import Callable, Sequence
from itertools import count
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from codat_sync.aws.dynamodb import Table
from dev.deploying.template import read_template
from tests.property.never_twice.bugs import BUGS, Patch
from tests.property.never_twice.machine import NeverTwice, TwiceError
from tests.property.never_twice.memory import MemoryTable
from tests.property.never_twice.surroundings import SteppedDynamoDB
from tests.support.clock import ManualClock

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

pytestmark = pytest.mark.no_cover  # the same lines many thousand times: to look at each takes half of the time

# After ten examples Hypothesis goes on with variations of those that it has: many short searches, each with a seed of
# its own, see more. The same seeds see the same, each time.
_SETTINGS = settings(
    max_examples=9,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    report_multiple_bugs=False,
    phases=[Phase.generate],
    stateful_step_count=25,
)
_SEEDS = range(12)
# Slower by far.
_SEEDS_OF_MOTO = range(20, 23)
# Most often, few find a bug; an unlucky change of the code or of Hypothesis must not hide it.
_MORE_SEEDS = range(200)


def _search(make: Callable[[ManualClock], Table], seeds: Sequence[int], *, rests: bool = True) -> None:
    class Here(NeverTwice):
        make_table = staticmethod(make)
        comes_to_rest = rests

    for number in seeds:
        run_state_machine_as_test(seed(number)(Here), settings=_SETTINGS)


def test_no_expense_is_written_twice_and_none_is_forgotten() -> None:
    """After any interleaving of submit, retry and workers, with whatever befalls their calls."""
    _search(MemoryTable, _SEEDS)


def test_nor_with_a_real_client_of_dynamodb(dynamodb: "DynamoDBClient") -> None:
    """Some examples: DynamoDB's own conditions and transactions do as the table in memory does."""
    properties = read_template()["Resources"]["SyncTable"]["Properties"]
    names = ("KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes", "BillingMode")
    numbers = count(1)

    def make_table(clock: ManualClock) -> Table:
        name = f"syncs-{next(numbers)}"
        dynamodb.create_table(TableName=name, **{each: properties[each] for each in names})
        return Table(SteppedDynamoDB(dynamodb, clock).as_client(), name)

    _search(make_table, _SEEDS_OF_MOTO)


@pytest.mark.parametrize("bug", BUGS)
def test_it_would_be_with_this_bug(monkeypatch: pytest.MonkeyPatch, bug: Callable[[Patch], None]) -> None:
    """The same machine finds each of the bugs that it is meant for."""
    bug(monkeypatch)
    with pytest.raises(TwiceError):
        _search(MemoryTable, [BUGS[bug], *_MORE_SEEDS], rests=False)
