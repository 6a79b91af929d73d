"""Unknown outcomes: the dashboard counts them, their page lists them and takes an operator's statement."""

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import boto3
import httpx
import pytest

from codat_sync.aws.dynamodb import Table
from codat_sync.submissions.repository import SubmissionRepository
from codat_sync.submissions.submission import State
from codat_sync.submissions.unknown_outcome_repository import UnknownOutcomeRepository
from codat_sync.syncs.retry_record import Retry, RetryState
from codat_sync.syncs.retry_repository import RetryRepository
from dev.stored_events import COMPANY_ID
from tests.pages.world import TOKEN, World
from tests.support.tables.sync_table import add_unknown_outcome

pytestmark = [
    pytest.mark.xdist_group("pages"),
    # All functions share this process's metrics: flushing retry's also flushes those of health, which invoked it.
    pytest.mark.filterwarnings("ignore:No application metrics:UserWarning"),
]

_ONE, _TWO = str(uuid4()), str(uuid4())


@pytest.fixture
def table(world: World) -> Table:  # noqa: ARG001 - in whose AWS it is
    """Return SyncTable."""
    return Table(boto3.client("dynamodb"), "syncs")


@pytest.fixture
def submission_id(table: Table) -> Iterator[str]:
    """Return a submission of two expenses with an unknown outcome."""
    made = add_unknown_outcome(table, COMPANY_ID, _ONE, _TWO)
    yield made
    table.delete_all([{"pk": f"SUB#{made}", "sk": "SUB"}])
    table.delete_all({"pk": f"TXN#{COMPANY_ID}#{each}", "sk": "CLAIM"} for each in (_ONE, _TWO))


def _form(submission_id: str, **changes: str) -> dict[str, Any]:
    stated = {f"outcome-{_ONE}": "written", f"outcome-{_TWO}": "missing", "reason": "looked in Xero"}
    return {**TOKEN, "submission": submission_id, **stated, **changes}


def test_the_dashboard_says_how_many_there_are(client: httpx.Client, table: Table, submission_id: str) -> None:
    """And nothing if there is none."""
    assert re.search(r'1 unknown outcome: <a href="[./]*unknown-outcomes"', client.get("").text)
    table.delete_all([{"pk": f"SUB#{submission_id}", "sk": "SUB"}])
    assert "unknown outcome:" not in client.get("").text
    assert "No unknown outcomes" in client.get("unknown-outcomes").text


def test_a_statement_of_each_transaction_is_recorded(client: httpx.Client, table: Table, submission_id: str) -> None:
    """By the retry function, with who made it and why; then it is no longer listed."""
    page = client.get("unknown-outcomes").text
    assert all(each in page for each in (submission_id, _ONE, _TWO, COMPANY_ID))
    answer = client.post("unknown-outcomes", data=_form(submission_id))
    assert answer.status_code == 303, answer.text
    shown = client.get(answer.url.join(answer.headers["location"])).text
    assert "Recorded." in shown
    assert _ONE not in shown
    submission = SubmissionRepository(table).load(submission_id)
    assert submission
    assert submission.resolution
    assert (submission.state, submission.already_processed) == (State.ACCEPTED, frozenset({_ONE}))
    assert (submission.resolution.reason, "everybody" in submission.resolution.by) == ("looked in Xero", True)
    assert client.post("unknown-outcomes", data=_form(submission_id)).status_code == 404


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"reason": " "}, 400),
        ({"reason": "x" * 501}, 400),
        ({f"outcome-{_TWO}": ""}, 400),
        ({f"outcome-{_TWO}": "perhaps"}, 400),
        ({"submission": "another"}, 404),
        ({"submission": "<"}, 400),
        ({"token": "another"}, 403),
    ],
)
def test_an_incomplete_statement_is_not_recorded(
    client: httpx.Client, table: Table, submission_id: str, changes: dict[str, str], status: int
) -> None:
    """There is no default: "not there" lets it be submitted again."""
    assert client.post("unknown-outcomes", data=_form(submission_id, **changes)).status_code == status
    submission = SubmissionRepository(table).load(submission_id)
    assert submission
    assert submission.state is State.UNKNOWN


def test_a_sync_that_ended_without_an_outcome_is_taken_off_the_list(client: httpx.Client, table: Table) -> None:
    """Once it is dealt with, with a reason."""
    sync_id = str(uuid4())
    retry = Retry(RetryState.STOPPED, (), {"outcomeUnknown": 1}, None, unknown_ids=(_ONE,))
    RetryRepository(table).put(COMPANY_ID, sync_id, retry, None)
    page = client.get("unknown-outcomes").text
    assert "In a sync that has ended without an outcome" in page
    assert _ONE in page
    assert "1 unknown outcome:" in client.get("").text
    assert client.post(f"unknown-outcomes/{sync_id}", data=TOKEN | {"reason": ""}).status_code == 400
    answer = client.post(f"unknown-outcomes/{sync_id}", data=TOKEN | {"reason": "entered by hand"})
    assert answer.status_code == 303, answer.text
    assert "No unknown outcomes" in client.get("unknown-outcomes").text
    assert UnknownOutcomeRepository(table).load(None, 10) == ([], None)
