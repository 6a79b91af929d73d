"""What a run of a function has left undone by its end, it does not do later."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import boto3
import pytest
from botocore.exceptions import ConnectionClosedError

from codat_sync.aws.dynamodb import Table
from codat_sync.aws.invocation_deadline import enforce_deadline, limit_invocation
from codat_sync.aws.table_schema import company_key
from codat_sync.core.errors import InvocationDeadlineError
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import SYNC_ID
from tests.support.aws import Aws
from tests.support.handlers import StartFunction
from tests.support.sqs_batches import batch, failed, of
from tests.support.submit_requests import EXPENSES, ask, expense


class _Frozen:
    """The time while a process is frozen: it passes, and nobody counts it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._ahead = 0.0
        real = time.time
        monkeypatch.setattr("codat_sync.aws.invocation_deadline.time.time", lambda: real() + self._ahead)

    def pass_by(self, seconds: float) -> None:
        self._ahead += seconds


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> _Frozen:
    return _Frozen(monkeypatch)


def _count(aws: Aws) -> int:
    return aws.dynamodb.scan(TableName="syncs")["Count"]


def test_a_thread_that_goes_on_with_the_next_run_writes_nothing(aws: Aws, frozen: _Frozen) -> None:
    """Nor do the threads that write for it; those of the next run do."""
    table = Table(enforce_deadline(boto3.client("dynamodb")), "syncs")
    items = [company_key(f"company-{number}") for number in range(60)]
    with ThreadPoolExecutor() as pool:
        with limit_invocation(120):
            begun = copy_context()
        frozen.pass_by(121)
        with limit_invocation(120):
            for write in (lambda: table.put(items[0], {}), lambda: table.put_all(items)):
                with pytest.raises(InvocationDeadlineError):
                    pool.submit(begun.copy().run, write).result()
            assert _count(aws) == 0
            table.put_all(items)
    assert _count(aws) == 60


def test_the_sdk_does_not_try_again_later(aws: Aws, frozen: _Frozen) -> None:
    """A connection that was open when the process was frozen is broken afterwards."""
    client = enforce_deadline(boto3.client("dynamodb"))
    tries = []

    def break_connection(**request: object) -> None:
        tries.append(request)
        frozen.pass_by(7200)
        raise ConnectionClosedError(endpoint_url="https://dynamodb")

    client.meta.events.register_first("before-send.dynamodb.PutItem", break_connection)
    with limit_invocation(120), pytest.raises(InvocationDeadlineError):
        Table(client, "syncs").put(company_key("a"), {})
    assert len(tries) == 1
    assert _count(aws) == 0


def test_every_function_that_writes_of_companies_heeds_it(
    start: StartFunction, simulated: SimulatedCodat, aws: Aws
) -> None:
    """With no time left none of them gets to the table."""
    letters = batch(of(simulated, simulated.sync(SYNC_ID)))
    assert failed(start("worker")(letters | {"remaining_ms": 0})) == ["message-0"]
    with pytest.raises(InvocationDeadlineError):
        start("retry")({"syncId": SYNC_ID, "remaining_ms": 0})
    submit = start("submit")
    with pytest.raises(InvocationDeadlineError):
        ask(lambda event: submit(event | {"remaining_ms": 0}), "POST", EXPENSES, [expense()])
    assert _count(aws) == 0
    assert simulated.submissions == ()
