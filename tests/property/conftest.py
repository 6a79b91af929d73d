"""Fixtures: the code under test makes one call at a time, and does not sleep."""

import pytest

from codat_sync.aws import dynamodb
from codat_sync.codat import client
from codat_sync.polling import dispatcher
from tests.support.stepping import InlineExecutor


@pytest.fixture(autouse=True)
def _one_call_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (client, dynamodb, dispatcher):
        monkeypatch.setattr(module, "ThreadPoolExecutor", InlineExecutor)
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)
