"""A company is forgotten while a worker is at it: whatever the worker has got to, nothing of the company is left."""

from collections.abc import Callable
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING

import pytest

from codat_sync.aws.dynamodb import Table
from codat_sync.aws.table_schema import company_key
from codat_sync.companies.tombstones import Tombstones
from codat_sync.erasure.company_items import CompanyItems
from codat_sync.erasure.service import Forgetting
from codat_sync.syncs import repository as store_module
from tests.property.convergence.machine import DEFINITION, State
from tests.property.convergence.world import COMPANY_ID, Run, World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb import DynamoDBClient

pytestmark = pytest.mark.xdist_group("property")  # one emulator for all of them

_tables = count(1)

# What happens between the tombstone and the deletion: it is given the worker, and for how long to wait.
Wait = Callable[[World, Run, timedelta], None]


def _writes_as_late_as_it_can(world: World, worker: Run, time: timedelta) -> None:
    worker.job.finish()
    world.pass_by(time)


def _is_stopped_by_lambda(world: World, _: Run, time: timedelta) -> None:
    world.pass_by(time)


def _is_not_waited_for(*_: object) -> None:
    pass


class _Race:
    """A worker that has made some calls, and a company that is forgotten then."""

    def __init__(self, dynamodb: "DynamoDBClient", calls: int) -> None:
        name = f"forget-{next(_tables)}"
        dynamodb.create_table(TableName=name, **DEFINITION)
        self.world = World(dynamodb, name)
        self.table = Table(dynamodb, name)
        company = self.world.codat.company(COMPANY_ID)
        for state in (State.LARGE_FAILED, State.FAILED):
            code, items = state.value
            sync = self.world.codat.add_sync(company, code, items)
            self.world.send_webhook(self.world.codat.event(sync))
        self.worker = self.world.start_worker(list(self.world.sqs.messages.values()))
        for _ in range(calls):
            if self.worker.job.next_call:
                self.worker.job.step()
        self.is_over = self.worker.job.next_call is None

    def forget(self, wait: Wait) -> None:
        forgetting = Forgetting(
            Tombstones(self.table),
            CompanyItems(self.table),
            [],
            "a person",
            self.world.clock.now,
            sleep=lambda seconds: wait(self.world, self.worker, timedelta(seconds=seconds)),
        )
        forgetting.forget(COMPANY_ID, "a ticket")

    def hear_again(self) -> None:
        """Have all come again that ever came: the worker ends, and what it had in hand, and each webhook."""
        self.worker.job.finish()
        self.world.end_runs()
        for webhook_id in self.world.webhooks:
            self.world.resend_webhook(webhook_id)
        self.world.work_off()

    def left(self) -> list[dict[str, str]]:
        """Return the keys of what is left, but for the gate."""
        return [
            {"pk": item["pk"], "sk": item["sk"]}
            for page in self.table.scan(["pk", "sk"])
            for item in page
            if item["pk"] != "GATE"
        ]

    def close(self) -> None:
        self.world.close()


def _races(dynamodb: "DynamoDBClient") -> "Iterator[_Race]":
    """Yield the race after each of the calls that a worker makes."""
    for calls in count():
        race = _Race(dynamodb, calls)
        try:
            yield race
        finally:
            race.close()
        if race.is_over:
            return


@pytest.mark.parametrize("wait", [_writes_as_late_as_it_can, _is_stopped_by_lambda])
def test_whatever_a_worker_has_got_to_nothing_is_left(dynamodb: "DynamoDBClient", wait: Wait) -> None:
    """It read that the company was known, and writes afterwards; and all that ever came comes again."""
    races = 0
    for race in _races(dynamodb):
        race.forget(wait)
        assert race.left() == [company_key(COMPANY_ID)]
        race.hear_again()
        assert race.left() == [company_key(COMPANY_ID)]
        races += 1
    assert races > 10


def test_without_the_wait_something_is(dynamodb: "DynamoDBClient") -> None:
    """A worker that read the head before the tombstone was there commits after the deletion."""
    left = []
    for race in _races(dynamodb):
        race.forget(_is_not_waited_for)
        race.worker.job.finish()
        left.append(race.left())
    assert any(len(each) > 1 for each in left)


def test_without_a_look_at_the_tombstone_something_is(
    dynamodb: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch
) -> None:
    """A webhook that comes late writes the company again."""
    monkeypatch.setattr(store_module, "is_forgotten", lambda _: False)
    race = _Race(dynamodb, 0)
    race.forget(_is_stopped_by_lambda)
    assert race.left() == [company_key(COMPANY_ID)]
    race.hear_again()
    assert len(race.left()) > 1
    race.close()
