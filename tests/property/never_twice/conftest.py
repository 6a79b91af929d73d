"""Fixtures: moto's DynamoDB and predictable ids."""

import random
import uuid
from types import SimpleNamespace
from typing import TYPE_CHECKING

import boto3
import pytest

from codat_sync.retries import service as retry_service
from codat_sync.submissions import service as submission_service
from codat_sync.syncs import repository
from dev.codat_simulator.books import state
from tests.support.moto_aws import moto_aws

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb import DynamoDBClient


@pytest.fixture
def dynamodb() -> "Iterator[DynamoDBClient]":
    """Return a client of DynamoDB, which has no tables."""
    with moto_aws():
        yield boto3.client("dynamodb")


@pytest.fixture(autouse=True)
def _predictable_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = random.Random(1)  # noqa: S311 - the same ids in each run of the tests

    def uuid4() -> uuid.UUID:
        return uuid.UUID(int=numbers.getrandbits(128), version=4)

    for module in (retry_service, repository, submission_service):
        monkeypatch.setattr(module, "uuid", SimpleNamespace(uuid4=uuid4))
    monkeypatch.setattr(state, "uuid4", uuid4)
