"""Erase a company while a worker processes its syncs: wherever the worker is, none of the company's data is left."""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from codat_sync.aws.table_schema import company_key
from codat_sync.syncs import repository as store_module
from tests.property.convergence.machine import State
from tests.property.convergence.world import COMPANY_ID, Run, World
from tests.property.erasure import ErasureRace, races

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb import DynamoDBClient

pytestmark = pytest.mark.xdist_group("property")  # one emulator for all of them

# What happens in the given time between the tombstone and the deletion.
Wait = Callable[[World, Run, timedelta], None]


def _finishes_first(world: World, worker: Run, time: timedelta) -> None:
    worker.job.finish()
    world.pass_by(time)


def _exceeds_its_timeout(world: World, _: Run, time: timedelta) -> None:
    world.pass_by(time)


def _does_not_wait(*_: object) -> None:
    pass


class _Race(ErasureRace[World]):
    """A worker that has made some calls when the company is erased."""

    company_id = COMPANY_ID

    def __init__(self, dynamodb: "DynamoDBClient", calls: int) -> None:
        super().__init__(dynamodb)
        self.world = World(dynamodb, self.name)
        company = self.world.codat.company(COMPANY_ID)
        for state in (State.LARGE_FAILED, State.FAILED):
            code, items = state.value
            sync = self.world.codat.add_sync(company, code, items)
            self.world.send_webhook(self.world.codat.event(sync))
        self.worker = self.world.start_worker(list(self.world.sqs.messages.values()))
        self.job = self.worker.job
        self.advance(calls)

    def forget_after(self, wait: Wait) -> None:
        self.erase(lambda time: wait(self.world, self.worker, time))

    def redeliver_all(self) -> None:
        """Finish the worker, and redeliver its messages and every webhook."""
        self.job.finish()
        self.world.end_runs()
        for webhook_id in self.world.webhooks:
            self.world.resend_webhook(webhook_id)
        self.world.drain_queue()


def _races(dynamodb: "DynamoDBClient") -> "Iterator[_Race]":
    return races(lambda calls: _Race(dynamodb, calls))


@pytest.mark.parametrize("wait", [_finishes_first, _exceeds_its_timeout])
def test_nothing_is_left_wherever_the_worker_is(dynamodb: "DynamoDBClient", wait: Wait) -> None:
    """The worker read that the company was known and writes afterwards, and every webhook is redelivered."""
    number = 0
    for race in _races(dynamodb):
        race.forget_after(wait)
        assert race.left() == [company_key(COMPANY_ID)]
        race.redeliver_all()
        assert race.left() == [company_key(COMPANY_ID)]
        number += 1
    assert number > 10


def test_without_the_wait_something_is_left(dynamodb: "DynamoDBClient") -> None:
    """A worker that read the document before the tombstone was written commits after the deletion."""
    left = []
    for race in _races(dynamodb):
        race.forget_after(_does_not_wait)
        race.job.finish()
        left.append(race.left())
    assert any(len(each) > 1 for each in left)


def test_without_checking_the_tombstone_something_is_left(
    dynamodb: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch
) -> None:
    """A late webhook writes the company's data again."""
    monkeypatch.setattr(store_module, "is_erased", lambda _: False)
    race = _Race(dynamodb, 0)
    race.forget_after(_exceeds_its_timeout)
    assert race.left() == [company_key(COMPANY_ID)]
    race.redeliver_all()
    assert len(race.left()) > 1
    race.close()
