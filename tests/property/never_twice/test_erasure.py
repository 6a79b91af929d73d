"""A company is forgotten while something of it is submitted or retried: nothing is left, and nothing is sent later."""

from collections.abc import Callable
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING

import pytest

from codat_sync.aws.dynamodb import Table
from codat_sync.aws.table_schema import company_key
from codat_sync.companies.tombstones import Tombstones
from codat_sync.core.errors import ForgottenError
from codat_sync.erasure.company_items import CompanyItems
from codat_sync.erasure.service import Forgetting
from dev.codat_simulator.books.settling import Outcome, Verdict
from dev.deploying.template import read_template
from tests.property.never_twice.surroundings import SteppedDynamoDB
from tests.property.never_twice.world import COMPANY_ID, TRANSACTION_IDS, Request, Run, World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb import DynamoDBClient

    from tests.support.clock import ManualClock

_tables = count(1)
_REQUEST = Request(TRANSACTION_IDS, 1, None)

Begin = Callable[[World], Run]


def _submit(world: World) -> Run:
    return world.submit(_REQUEST)


def _retry(world: World) -> Run:
    """Begin the retry of what was submitted and has failed."""
    world.submit(_REQUEST).job.finish()
    (sync_id,) = world.open_syncs()
    world.codat.settle(sync_id, Outcome(otherwise=Verdict("PushError", "busy")))
    world.hear(sync_id).job.finish()
    world.pass_by(timedelta(minutes=10))
    return world.retry(sync_id, is_for_person=True)


class _Race:
    """Something that writes to Codat and has made some calls, and a company that is forgotten then."""

    def __init__(self, dynamodb: "DynamoDBClient", begin: Begin, calls: int) -> None:
        name = f"forget-{next(_tables)}"
        properties = read_template()["Resources"]["SyncTable"]["Properties"]
        made = ("KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes", "BillingMode")
        dynamodb.create_table(TableName=name, **{each: properties[each] for each in made})
        self._table = Table(dynamodb, name)

        def make_table(clock: "ManualClock") -> Table:
            return Table(SteppedDynamoDB(dynamodb, clock).as_client(), name)

        self.world = World(make_table)
        self._begin = begin
        self.run = begin(self.world)
        self._sent_before = self.sent
        self.has_claimed = False
        for _ in range(calls):
            if call := self.run.job.next_call:
                self.has_claimed |= call.name == "transact_write_items"
                self.run.job.step()
        self.is_over = self.run.job.next_call is None

    @property
    def sent(self) -> int:
        return len(self.world.codat.submissions)

    @property
    def has_sent(self) -> bool:
        return self.sent > self._sent_before

    def forget(self) -> None:
        def wait(seconds: float) -> None:
            self.run.job.finish()
            self.world.pass_by(timedelta(seconds=seconds))

        now = self.world.clock.now
        Forgetting(Tombstones(self._table), CompanyItems(self._table), [], "a person", now, sleep=wait).forget(
            COMPANY_ID, "a ticket"
        )

    def left(self) -> list[dict[str, str]]:
        found = (item for page in self._table.scan(["pk", "sk"]) for item in page)
        return [{"pk": item["pk"], "sk": item["sk"]} for item in found if item["pk"] != "GATE"]


def _races(dynamodb: "DynamoDBClient", begin: Begin) -> "Iterator[_Race]":
    for calls in count():
        race = _Race(dynamodb, begin, calls)
        try:
            yield race
        finally:
            race.world.close()
        if race.is_over:
            return


@pytest.mark.parametrize("begin", [_submit, _retry])
def test_whatever_it_has_got_to_nothing_is_left_and_nothing_sent_later(
    dynamodb: "DynamoDBClient", begin: Begin
) -> None:
    """What has not claimed its transactions before the tombstone is there is never sent."""
    seen = set()
    for race in _races(dynamodb, begin):
        race.forget()
        assert race.left() == [company_key(COMPANY_ID)]
        assert race.has_sent == race.has_claimed
        seen.add(race.has_sent)
        sent = race.sent
        late = race.world.submit(_REQUEST)
        late.job.finish()
        assert isinstance(late.job.error, ForgottenError)
        for sync in race.world.codat.syncs:
            race.world.retry(sync.sync_id, is_for_person=True).job.finish()
            race.world.hear(sync.sync_id).job.finish()
        assert race.sent == sent
        assert race.left() == [company_key(COMPANY_ID)]
    assert seen == {True, False}


def test_without_the_condition_it_would_be_sent(dynamodb: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch) -> None:
    """Who looked before the tombstone was there claims after it."""
    monkeypatch.setattr("codat_sync.submissions.repository.NOT_FORGOTTEN", {"neverThere": None})
    found = []
    for race in _races(dynamodb, _submit):
        race.forget()
        found.append(race.has_sent and not race.has_claimed)
    assert any(found)
