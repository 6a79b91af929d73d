"""DynamoDB in this process, and the code made to go one call at a time, by a time and with ids of the test's."""

import random
import uuid
from types import SimpleNamespace
from typing import TYPE_CHECKING

import boto3
import pytest

from codat_sync.aws import dynamodb as table
from codat_sync.codat import client as codat
from codat_sync.retries import service as retry
from codat_sync.submissions import service as submit
from codat_sync.syncs import repository as store
from dev.codat_simulator.books import state
from tests.support.moto_aws import moto_aws
from tests.support.stepping import InlineExecutor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb import DynamoDBClient


@pytest.fixture
def dynamodb() -> "Iterator[DynamoDBClient]":
    """Return a client of DynamoDB, which has no tables."""
    with moto_aws():
        yield boto3.client("dynamodb")


@pytest.fixture(autouse=True)
def _stepped(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (codat, table):
        monkeypatch.setattr(module, "ThreadPoolExecutor", InlineExecutor)
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)
    numbers = random.Random(1)  # noqa: S311 - the same each time

    def uuid4() -> uuid.UUID:
        return uuid.UUID(int=numbers.getrandbits(128), version=4)

    for ours in (retry, store, submit):
        monkeypatch.setattr(ours, "uuid", SimpleNamespace(uuid4=uuid4))
    monkeypatch.setattr(state, "uuid4", uuid4)
