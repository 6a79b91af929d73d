"""Fixtures: the emulator's DynamoDB, predictable ids and limits so low that small syncs count as large."""

from itertools import count
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from codat_sync.codat import client
from codat_sync.syncs import record, repository
from dev.local_stack.aws_clients import LocalAws
from dev.local_stack.emulator import emulator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb import DynamoDBClient


@pytest.fixture(scope="session")
def dynamodb(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[DynamoDBClient]":
    """Return a client of the emulator's DynamoDB."""
    directory = tmp_path_factory.mktemp("emulator")
    with emulator(directory, directory / "emulator.log") as url:
        yield LocalAws(url).dynamodb


@pytest.fixture(autouse=True)
def _predictable_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = count()
    uuid = SimpleNamespace(uuid4=lambda: SimpleNamespace(hex=f"run{next(numbers):06}"))
    monkeypatch.setattr(repository, "uuid", uuid)


@pytest.fixture(autouse=True)
def _low_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make five rows two pages of Codat's list and several parts of the document."""
    monkeypatch.setattr(client, "PAGE_SIZE", 3)
    monkeypatch.setattr(record, "INLINE_BYTES", 300)
    monkeypatch.setattr(record, "PART_BYTES", 250)
