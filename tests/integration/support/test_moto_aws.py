"""moto's DynamoDB does as DynamoDB does, also where it was made quicker."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from codat_sync.aws.dynamodb import Table
from codat_sync.aws.table_schema import company_partition, sync_key
from codat_sync.core.errors import ConditionFailedError
from tests.support.aws import Aws
from tests.support.tables.table_stream import Stream

OLD, NEW, OTHER = map(sync_key, ("old", "new", "other"))


@pytest.fixture
def table(aws: Aws) -> Table:
    """Return one that has an item."""
    made = Table(aws.dynamodb, "syncs")
    made.put(OLD | {"number": 1, "list": [{"a": 1}]}, {})
    return made


def test_of_a_transaction_that_fails_nothing_is_left(table: Table, aws: Aws) -> None:
    """A failed transaction leaves no new or changed item, and no record in the stream."""
    stream = Stream(aws)
    assert len(stream.records()) == 1
    with pytest.raises(ConditionFailedError):
        table.transact([(NEW, {})], [(OLD, {"number": 2, "list": None}, {})], [(OTHER, {"number": 1})])
    assert table.get([OLD, NEW]) == [OLD | {"number": 1, "list": [{"a": 1}]}]
    assert stream.records() == []
    table.transact([(NEW, {})], [(OLD, {"number": 2, "list": None}, {})], [(OTHER, {"number": None})])
    assert sorted(table.get([OLD, NEW]), key=len) == [NEW, OLD | {"number": 2}]
    assert [record["eventName"] for record in stream.records()] == ["INSERT", "MODIFY"]


def test_requests_come_one_after_another(table: Table) -> None:
    """Nobody gets in between the condition of another, and its write."""
    with ThreadPoolExecutor(8) as pool:
        counted = list(pool.map(lambda _: table.increment_counter(NEW, 20, 0), range(40)))
    assert (counted.count(True), table.get_attribute(NEW, "number")) == (20, 20)


def test_an_index_has_what_the_template_gives_it(table: Table) -> None:
    """The keys and the summary, and nothing else of an item."""
    keys = OLD | {"companyPk": "COMPANY#1", "companySk": "1"}
    table.put(keys | {"summary": {"failed": 1}, "number": 1}, {})
    found, _ = table.query_page(company_partition("1"), None, None, newest_first=True)
    assert found == [keys | {"summary": {"failed": 1}}]
