"""The emulator's DynamoDB, and the code made to go one call at a time."""

from itertools import count
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from codat_sync.aws import dynamodb as table
from codat_sync.codat import client as codat
from codat_sync.polling import dispatcher as tick
from codat_sync.syncs import record
from codat_sync.syncs import repository as store
from dev.local_stack.aws_clients import LocalAws
from dev.local_stack.emulator import emulator
from tests.support.stepping import InlineExecutor

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
def _one_call_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (codat, table, tick):
        monkeypatch.setattr(module, "ThreadPoolExecutor", InlineExecutor)
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)
    numbers = count()
    monkeypatch.setattr(store, "uuid", SimpleNamespace(uuid4=lambda: SimpleNamespace(hex=f"run{next(numbers):06}")))
    # So that five rows are large: two pages of Codat's, some parts of ours.
    monkeypatch.setattr(codat, "PAGE_SIZE", 3)
    monkeypatch.setattr(record, "INLINE_BYTES", 300)
    monkeypatch.setattr(record, "PART_BYTES", 250)
