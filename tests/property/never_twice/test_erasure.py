"""Erase a company during a submission or retry: none of its data is left, and nothing is sent later."""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from codat_sync.aws.dynamodb import Table
from codat_sync.aws.table_schema import company_key
from codat_sync.core.errors import CompanyErasedError
from dev.codat_simulator.books.settling import Outcome, Verdict
from tests.property.erasure import ErasureRace, races
from tests.property.never_twice.boundaries import DynamoDB
from tests.property.never_twice.world import COMPANY_ID, TRANSACTION_IDS, Request, World
from tests.property.runs import Run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb import DynamoDBClient

    from tests.support.clock import ManualClock

_REQUEST = Request(TRANSACTION_IDS, 1, None)

Begin = Callable[[World], Run]


def _submit(world: World) -> Run:
    return world.submit(_REQUEST)


def _retry(world: World) -> Run:
    """Begin the retry of a failed submission."""
    world.submit(_REQUEST).job.finish()
    (sync_id,) = world.open_syncs()
    world.codat.settle(sync_id, Outcome(otherwise=Verdict("PushError", "busy")))
    world.deliver_sync_event(sync_id).job.finish()
    world.pass_by(timedelta(minutes=10))
    return world.retry(sync_id, is_for_operator=True)


class _Race(ErasureRace[World]):
    """A submission or retry that has made some calls when the company is erased."""

    company_id = COMPANY_ID

    def __init__(self, dynamodb: "DynamoDBClient", begin: Begin, calls: int) -> None:
        super().__init__(dynamodb)

        def make_table(clock: "ManualClock") -> Table:
            return Table(DynamoDB(dynamodb, clock).as_client(), self.name)

        self.world = World(make_table)
        self.job = begin(self.world).job
        self._sent_before = self.sent
        self.has_claimed = False
        self.advance(calls)

    def before_call(self) -> None:
        assert self.job.next_call
        self.has_claimed |= self.job.next_call.name == "transact_write_items"

    @property
    def sent(self) -> int:
        return len(self.world.codat.submissions)

    @property
    def has_sent(self) -> bool:
        return self.sent > self._sent_before

    def finish_and_forget(self) -> None:
        """Erase the company; the job finishes between the tombstone and the deletion."""

        def wait(time: timedelta) -> None:
            self.job.finish()
            self.world.pass_by(time)

        self.erase(wait)


def _races(dynamodb: "DynamoDBClient", begin: Begin) -> "Iterator[_Race]":
    return races(lambda calls: _Race(dynamodb, begin, calls))


@pytest.mark.parametrize("begin", [_submit, _retry])
def test_nothing_is_left_and_nothing_is_sent_later_wherever_the_run_is(
    dynamodb: "DynamoDBClient", begin: Begin
) -> None:
    """A request that has not claimed its transactions before the tombstone is never sent."""
    seen = set()
    for race in _races(dynamodb, begin):
        race.finish_and_forget()
        assert race.left() == [company_key(COMPANY_ID)]
        assert race.has_sent == race.has_claimed
        seen.add(race.has_sent)
        sent = race.sent
        late = race.world.submit(_REQUEST)
        late.job.finish()
        assert isinstance(late.job.error, CompanyErasedError)
        for sync in race.world.codat.syncs:
            race.world.retry(sync.sync_id, is_for_operator=True).job.finish()
            race.world.deliver_sync_event(sync.sync_id).job.finish()
        assert race.sent == sent
        assert race.left() == [company_key(COMPANY_ID)]
    assert seen == {True, False}


def test_without_the_condition_it_is_sent(dynamodb: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that checked before the tombstone was written claims after it."""
    monkeypatch.setattr("codat_sync.submissions.repository.NOT_ERASED", {"neverThere": None})
    found = []
    for race in _races(dynamodb, _submit):
        race.finish_and_forget()
        found.append(race.has_sent and not race.has_claimed)
    assert any(found)
