"""Whatever interleaves and crashes, no expense is written twice by us, and none is lost."""

from itertools import count
from typing import TYPE_CHECKING

import pytest
from hypothesis import Phase

from codat_sync.aws.dynamodb import Table
from tests.property.never_twice.boundaries import DynamoDB
from tests.property.never_twice.machine import ForgottenError, NeverTwice, TwiceError
from tests.property.never_twice.memory_table import MemoryTable
from tests.property.never_twice.seeded_bugs import BUGS, FORGETTING_BUGS
from tests.property.seeded_bugs import Bug, check_found
from tests.property.stateful import search, search_settings
from tests.support.clock import ManualClock
from tests.support.tables.sync_table import create_sync_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

pytestmark = pytest.mark.no_cover  # measuring the same lines many thousand times takes half of the time

_SETTINGS = search_settings(phases=[Phase.generate], stateful_step_count=25)
_SEEDS = range(12)
# moto is much slower.
_SEEDS_WITH_MOTO = range(20, 23)
# Most bugs are found by few seeds. A change of the code or of Hypothesis must not hide one by bad luck.
_MORE_SEEDS = range(200)


def test_no_expense_is_written_twice_or_lost() -> None:
    """Interleave submit, retry and workers in any order, with faults in any of their calls."""
    search(NeverTwice, _SEEDS, _SETTINGS, make_table=staticmethod(MemoryTable))


def test_nor_with_a_real_client_of_dynamodb(dynamodb: "DynamoDBClient") -> None:
    """DynamoDB's own conditions and transactions behave as the table in memory does."""
    numbers = count(1)

    def make_table(clock: ManualClock) -> Table:
        name = f"syncs-{next(numbers)}"
        create_sync_table(dynamodb, name)
        return Table(DynamoDB(dynamodb, clock).as_client(), name)

    search(NeverTwice, _SEEDS_WITH_MOTO, _SETTINGS, make_table=staticmethod(make_table))


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
def test_with_a_seeded_bug_one_is_written_twice(monkeypatch: pytest.MonkeyPatch, bug: Bug) -> None:
    """Each mechanism is needed: without it the same search fails."""
    bug(monkeypatch)
    table = staticmethod(MemoryTable)
    check_found(NeverTwice, [BUGS[bug], *_MORE_SEEDS], _SETTINGS, TwiceError, make_table=table, comes_to_rest=False)


@pytest.mark.parametrize("bug", FORGETTING_BUGS, ids=lambda bug: bug.__name__)
def test_with_a_seeded_bug_one_is_forgotten(monkeypatch: pytest.MonkeyPatch, bug: Bug) -> None:
    """Nobody would look for its outcome, or hear of it."""
    bug(monkeypatch)
    seeds, table = [FORGETTING_BUGS[bug], *_MORE_SEEDS], staticmethod(MemoryTable)
    check_found(NeverTwice, seeds, _SETTINGS, ForgottenError, make_table=table, comes_to_rest=False)
