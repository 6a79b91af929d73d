"""A table with very many syncs, and how many requests it takes to read them."""

import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from boto3.dynamodb.types import TypeSerializer
from botocore.client import BaseClient

from codat_sync.aws.table_schema import listing_keys, sync_key
from codat_sync.core.iterables import chunks
from codat_sync.core.timestamps import format_instant

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_serialize = TypeSerializer().serialize
_DAYS = 30


def fill(dynamodb: "DynamoDBClient", table: str, number: int, now: datetime, *, companies: int = 500) -> str:
    """Write the listed part of so many syncs, spread evenly over the last 30 days; returns the id of one of them."""

    def write(numbers: list[int]) -> None:
        requests: Any = [{"PutRequest": {"Item": _item(each, number, now, companies)}} for each in numbers]
        dynamodb.batch_write_item(RequestItems={table: requests})

    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(write, chunks(range(number), 25)):
            pass
    return _sync_id(0)


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count the requests to AWS, each as its operation and, if it reads an index, that."""
    counter: Counter[str] = Counter()
    call = BaseClient._make_api_call  # type: ignore[attr-defined] # noqa: SLF001 - through which every call goes

    def count(client: Any, operation: str, parameters: Any) -> Any:  # noqa: ANN401 - botocore's own
        counter[" ".join(filter(None, (operation, parameters.get("IndexName"))))] += 1
        return call(client, operation, parameters)

    with patch.object(BaseClient, "_make_api_call", count):
        yield counter


def _sync_id(number: int) -> str:
    return str(uuid.UUID(int=number + 1, version=4))


def _item(number: int, of: int, now: datetime, companies: int) -> dict[str, Any]:
    company_id = str(uuid.UUID(int=number % companies, version=4))
    # From the beginning of the day 29 days ago up to now.
    first = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=_DAYS - 1)
    at = format_instant(now - (now - first) * number / of)
    item = {
        **sync_key(_sync_id(number)),
        **listing_keys(company_id, _sync_id(number), at),
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
            "trouble": None,
            "isStuck": False,
            "correlationId": None,
        },
    }
    return {name: _serialize(value) for name, value in item.items()}
