"""Races of a run against the erasure of its company: one race for each number of calls the run makes before."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from codat_sync.audit.repository import AuditRepository
from codat_sync.aws.dynamodb import Table
from codat_sync.companies.tombstones import TombstoneRepository
from codat_sync.erasure.company_items import CompanyItems
from codat_sync.erasure.service import ErasureService
from tests.property.runs import SteppedWorld
from tests.support.stepping import Job
from tests.support.tables.sync_table import create_sync_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

WorldT = TypeVar("WorldT", bound=SteppedWorld[Any])
_tables = count(1)


class ErasureRace(Generic[WorldT]):
    """A table, a world around it and a job that has made some calls before the company is erased."""

    company_id: ClassVar[str]
    world: WorldT
    job: Job

    def __init__(self, dynamodb: "DynamoDBClient") -> None:
        self.name = f"forget-{next(_tables)}"
        create_sync_table(dynamodb, self.name)
        self.table = Table(dynamodb, self.name)

    @property
    def is_over(self) -> bool:
        """Whether the job has ended."""
        return self.job.next_call is None

    def advance(self, calls: int) -> None:
        """Let the job make some calls, or as many as it has."""
        for _ in range(calls):
            if self.job.next_call:
                self.before_call()
                self.job.step()

    def before_call(self) -> None:
        """Note what the job is about to do."""

    def erase(self, wait: Callable[[timedelta], None]) -> None:
        """Erase the company; ``wait`` is given the time between the tombstone and the deletion."""
        erasure = ErasureService(
            TombstoneRepository(self.table),
            CompanyItems(self.table),
            [],
            AuditRepository(self.table),
            "an operator",
            self.world.clock.now,
            sleep=lambda seconds: wait(timedelta(seconds=seconds)),
        )
        erasure.erase(self.company_id, "a ticket")

    def left(self) -> list[dict[str, str]]:
        """Return the keys of the items that are left, except the gate's and what the audit says about the erasure."""
        return [
            {"pk": item["pk"], "sk": item["sk"]}
            for page in self.table.scan(["pk", "sk", "erasedCompanyId"])
            for item in page
            if item["pk"] != "GATE" and "erasedCompanyId" not in item
        ]

    def close(self) -> None:
        self.world.close()


RaceT = TypeVar("RaceT", bound=ErasureRace[Any])


def races(make: Callable[[int], RaceT]) -> Iterator[RaceT]:
    """Yield a race after each number of calls, up to the job's last."""
    for calls in count():
        race = make(calls)
        is_last = race.is_over
        try:
            yield race
        finally:
            race.close()
        if is_last:
            return
