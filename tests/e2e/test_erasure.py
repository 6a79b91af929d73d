"""Erase a company on the deployed stack with the operator's commands."""

import base64
import json
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest

from codat_sync.aws.dynamodb import Table
from codat_sync.erasure.service import WRITERS_FINISH_WITHIN
from codat_sync.syncs.repository import SyncRepository
from dev.codat_simulator.books.models import Sync
from dev.codat_simulator.books.sample_data import generate_expense
from dev.codat_simulator.control.client import SimulatorControl
from dev.local_stack.aws_clients import LocalAws, queue_depth
from dev.stored_events import signed
from dev.waiting import PATIENCE_SECONDS
from ops.cli import app
from ops.errors import CommandError
from ops.local_stack import REGION, STACK, Outputs
from tests.e2e.eventually import eventually

pytestmark = pytest.mark.xdist_group("e2e")  # one stack for all of them

Command = Callable[..., str]


@pytest.fixture
def aws(stack: Outputs) -> LocalAws:
    """AWS, as its administrator sees it."""
    return LocalAws(stack.aws_endpoint_url)


@pytest.fixture
def waits() -> list[float]:
    """For how long was waited: it takes no time here, as nobody writes."""
    return []


@pytest.fixture
def command(
    stack: Outputs, waits: list[float], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Return what runs a command for the stack, as for one on AWS, and returns what it has printed."""
    environment = {
        "AWS_ENDPOINT_URL": stack.aws_endpoint_url,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "NO_PROXY": "127.0.0.1",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("ops.erasure.sleep", waits.append)

    def run(*arguments: str) -> str:
        capsys.readouterr()
        with pytest.raises(SystemExit) as exited:
            app([*arguments, "--stack", STACK])
        assert exited.value.code == 0
        return capsys.readouterr().out

    return run


@pytest.fixture
def sync(stack: Outputs, aws: LocalAws) -> Sync:
    """Return a sync that the table has, with all that belongs to it."""
    with SimulatorControl(stack.codat_url) as codat:
        sync = codat.add_sync(company_id=codat.add_company().company_id, code=5130, generate=5)
    assert _post_event(stack, sync, "first").status_code == 202
    _wait_until_worked_off(aws, stack)
    assert _store(aws, stack).load_processed_event_ids(sync.sync_id) == ["first"]
    # The search index follows the table on its own.
    ids = {sync.company_id, sync.sync_id, *(item.transaction_id for item in sync.items if item.transaction_id)}
    wanted = {f"{each.lower()}#{sync.company_id}#{each}" for each in ids}
    assert eventually(lambda: wanted <= set(_left_of(sync, aws, stack)))
    return sync


def _store(aws: LocalAws, stack: Outputs) -> SyncRepository:
    return SyncRepository(Table(aws.dynamodb, stack.table_name), event_retention=timedelta(days=16))


def _post_event(stack: Outputs, sync: Sync, webhook_id: str) -> httpx.Response:
    """Have an event of a sync come in, signed as Codat does; once that is answered, it is on the queue."""
    event = {
        "id": webhook_id,
        "eventType": "expenses.sync.unsuccessful",
        "payload": {"referenceCompany": {"id": sync.company_id}, "syncId": sync.sync_id},
    }
    body = json.dumps(event)
    payload = {"body": body, "isBase64Encoded": False, "headers": {}}
    headers = signed(payload, stack.signing_secret, webhook_id=webhook_id)["headers"]
    return httpx.post(stack.webhook_url, content=body, headers=headers, timeout=PATIENCE_SECONDS)


def _wait_until_worked_off(aws: LocalAws, stack: Outputs) -> None:
    assert eventually(lambda: queue_depth(aws.sqs, stack.queue_url) == 0)


def _left_of(sync: Sync, aws: LocalAws, stack: Outputs) -> list[str]:
    """Return the kinds of items that mention the sync or its company, apart from the audit of its erasure."""
    items = (
        item
        for page in aws.dynamodb.get_paginator("scan").paginate(TableName=stack.table_name)
        for item in page["Items"]
    )
    mentioned = (item for item in items if sync.company_id in str(item) or sync.sync_id in str(item))
    return [item["sk"]["S"] for item in mentioned if "erasedCompanyId" not in item]


def test_a_late_event_does_not_restore_an_erased_company(
    stack: Outputs, aws: LocalAws, sync: Sync, command: Command, waits: list[float]
) -> None:
    """The worker drops what comes, and submit answers that it is gone, with the permissions that they have."""
    assert len(_left_of(sync, aws, stack)) > 5
    output = command("erase", "--company", sync.company_id.upper(), "--reason", "ticket 7")
    assert "1 SYNC/EVENT" in output
    assert f"company {sync.company_id}, erased" in output
    assert "ticket 7" in output
    assert WRITERS_FINISH_WITHIN.total_seconds() - 60 < waits[0] <= WRITERS_FINISH_WITHIN.total_seconds()
    for webhook_id in ("first", "late"):
        assert _post_event(stack, sync, webhook_id).status_code == 202
    _wait_until_worked_off(aws, stack)
    assert _left_of(sync, aws, stack) == ["COMPANY"]
    answer = httpx.post(
        f"{stack.api_url}/companies/{sync.company_id}/sync/expenses/expense-transactions",
        json=[generate_expense("4d7c6929-7770-412b-91bb-44d3bc71d888")],
        headers={"Authorization": f"Basic {base64.b64encode(stack.codat_api_key.encode()).decode()}"},
        timeout=PATIENCE_SECONDS,
    )
    assert (answer.status_code, answer.json()["canBeRetried"]) == (410, "False")
    with SimulatorControl(stack.codat_url) as codat:
        assert codat.books(sync.company_id) == ()


def test_it_only_counts_if_asked_to(stack: Outputs, aws: LocalAws, sync: Sync, command: Command) -> None:
    """And nothing is changed."""
    before = _left_of(sync, aws, stack)
    output = command("erase", "--company", sync.company_id, "--reason", "ticket 7", "--dry-run")
    assert output.startswith(f"{len(before) - 1} items (")
    assert "1 COMPANY/LATEST, 1 COMPANY/RECONCILIATION, " in output
    assert ", 1 FIND/sync, " in output
    assert ", 1 SYNC/EVENT, 1 SYNC/RETRY, 1 SYNC/SYNC" in output
    assert _left_of(sync, aws, stack) == before


def test_lifting_the_erasure_block_too_early_says_when_it_is_possible(sync: Sync, command: Command) -> None:
    """Not at once: what was on its way to the books is not known any more."""
    assert "was not erased" in command("unerase", "--company", sync.company_id, "--reason", "a mistake")
    command("erase", "--company", sync.company_id, "--reason", "ticket 7")
    with pytest.raises(CommandError, match="wait until"):
        command("unerase", "--company", sync.company_id, "--reason", "a mistake")


@pytest.mark.parametrize(
    "arguments", [("--company", "a-company"), ("--company", "a/b", "--reason", "x"), ("--company", "", "--reason", "x")]
)
@pytest.mark.usefixtures("command")  # and its environment
def test_it_asks_for_an_id_and_a_reason(arguments: tuple[str, ...]) -> None:
    """Nothing is deleted by a slip of the keyboard."""
    with pytest.raises(SystemExit) as exited:
        app(["erase", *arguments, "--stack", STACK])
    assert exited.value.code == 2
