"""Create SyncTable as the template defines it, and fill it with many syncs."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from boto3.dynamodb.types import TypeSerializer

from codat_sync.aws.dynamodb import Table
from codat_sync.aws.table_schema import listing_index_keys, sync_key
from codat_sync.core.iterables import batched
from codat_sync.core.timestamps import format_timestamp
from codat_sync.submissions.expense_bodies import Body, Kind
from codat_sync.submissions.repository import SubmissionRepository
from codat_sync.submissions.submission import State, Submission
from dev.deploying.template import read_template

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_serialize = TypeSerializer().serialize
_DAYS = 30
_PROPERTIES = read_template()["Resources"]["SyncTable"]["Properties"]
_DEFINITION = {
    name: _PROPERTIES[name] for name in ("KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes", "BillingMode")
}


def create_sync_table(dynamodb: "DynamoDBClient", name: str, *, with_stream: bool = False) -> None:
    """Create a table with SyncTable's keys and indexes, and optionally its stream."""
    (_, stream, _) = _PROPERTIES["StreamSpecification"]["Fn::If"]
    more: Any = {"StreamSpecification": {"StreamEnabled": True, **stream}} if with_stream else {}
    dynamodb.create_table(TableName=name, **_DEFINITION, **more)


def fill(dynamodb: "DynamoDBClient", table: str, number: int, now: datetime, *, companies: int = 500) -> str:
    """Write the list entries of ``number`` syncs, spread evenly over the last 30 days; returns the id of one."""

    def write(numbers: list[int]) -> None:
        requests: Any = [{"PutRequest": {"Item": _item(each, number, now, companies)}} for each in numbers]
        dynamodb.batch_write_item(RequestItems={table: requests})

    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(write, batched(range(number), 25)):
            pass
    return _sync_id(0)


def _sync_id(number: int) -> str:
    return str(uuid.UUID(int=number + 1, version=4))


def _item(number: int, total: int, now: datetime, companies: int) -> dict[str, Any]:
    company_id = str(uuid.UUID(int=number % companies, version=4))
    # From midnight UTC 29 days ago up to now.
    first = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=_DAYS - 1)
    at = format_timestamp(now - (now - first) * number / total)
    item = {
        **sync_key(_sync_id(number)),
        **listing_index_keys(company_id, _sync_id(number), at),
        "v": 1,
        "version": 1,
        "companyId": company_id,
        "syncId": _sync_id(number),
        "firstSeenAt": at,
        "summary": {
            "companyId": company_id,
            "syncId": _sync_id(number),
            "code": 5130 if number % 7 == 0 else 2000,
            "outcome": "failed" if number % 7 == 0 else "succeeded",
            "syncUtc": at,
            "firstSeenAt": at,
            "transactions": 50,
            "failed": 7 if number % 7 == 0 else 0,
            "version": 1,
            "checkFailure": None,
            "isStuck": False,
            "correlationId": None,
        },
    }
    return {name: _serialize(value) for name, value in item.items()}


def add_unknown_outcome(table: Table, company_id: str, *transaction_ids: str, hours: int = 3) -> str:
    """Store a submission that was sent some hours ago and is reported; returns its id."""
    now = datetime.now(UTC)
    sent_at = now - timedelta(hours=hours)
    submissions = SubmissionRepository(table)
    submission = Submission(
        submission_id=str(uuid4()),
        company_id=company_id,
        kind=Kind.EXPENSE,
        method="POST",
        transaction_ids=transaction_ids,
        idempotency_key="a key",
        digest="a digest",
        state=State.RECORDED,
        recorded_at=sent_at,
    )
    submissions.record(submission, [Body(each, "{}") for each in transaction_ids], dict.fromkeys(transaction_ids))
    sent = submissions.mark_sent(submission, sent_at)
    submissions.mark_unknown(sent, None)
    unknown = submissions.load(submission.submission_id)
    assert unknown
    submissions.schedule_lookup(unknown, now + timedelta(hours=hours), reported_at=now)
    return submission.submission_id
