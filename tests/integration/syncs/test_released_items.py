"""What earlier versions have written can be read, and what a later one writes too: during a deployment both run."""

import json
import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from codat_sync.companies.repository import CompanyRepository
from codat_sync.companies.tombstones import TombstoneRepository
from codat_sync.polling.due_items import DueItemRepository
from codat_sync.polling.schedule import CheckFailure
from codat_sync.rate_limits.gate import SharedGate
from codat_sync.rate_limits.quota import ClosureReason
from codat_sync.reconciliation.completeness import Completeness
from codat_sync.reconciliation.repository import ReconciliationRepository
from codat_sync.reconciliation.run_repository import ReconciliationRunRepository
from codat_sync.submissions.repository import SubmissionRepository
from codat_sync.submissions.submission import State
from codat_sync.syncs.repository import SyncRepository
from codat_sync.syncs.retry_record import RetryState
from codat_sync.syncs.retry_repository import RetryRepository
from codat_sync.syncs.status_codes import Outcome
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID, SYNC_ID, TRANSACTION_IDS, load
from tests.integration.syncs import released_items
from tests.integration.syncs.released_items import (
    AGREED,
    BEHIND_GATE,
    FORGOTTEN,
    IN_PROGRESS,
    LARGE,
    NOT_FOUND,
    RECORDED,
    SUBMITTED,
)
from tests.support.aws import Aws
from tests.support.handlers import StartFunction
from tests.support.sqs_batches import batch, failed, of
from tests.support.submit_requests import EXPENSES, ask, expense

_LATER = {
    version: [released_items.of_a_later_version(item) for item in items]
    for version, items in released_items.stored().items()
}
_WRITTEN = [(f"by {version}", items) for version, items in released_items.stored().items()] + [
    (f"by one later than {version}", items) for version, items in _LATER.items()
]


@pytest.fixture(params=[items for _, items in _WRITTEN], ids=[name for name, _ in _WRITTEN])
def written(request: pytest.FixtureRequest, aws: Aws) -> list[Any]:
    """Have the table hold what a version has written; returns it."""
    for item in request.param:
        aws.dynamodb.put_item(TableName="syncs", Item=item)
    return list(request.param)


def _now() -> datetime:
    return datetime.now(UTC)


def test_every_kind_of_item_that_was_written_is_written_still(
    start: StartFunction, aws: Aws, simulated: SimulatedCodat
) -> None:
    """And this is how they are stored for the next version."""
    items = released_items.write_items(start, aws, simulated)
    if version := os.environ.get("RECORD_ITEMS"):
        released_items.store(version, items)
    today = Counter(map(released_items.get_item_type, items))
    assert len(today) > 10
    for version, stored in released_items.stored().items():
        assert set(map(released_items.get_item_type, stored)) <= set(today), version
        assert all("v" in item or item["pk"]["S"].startswith("LIMIT#") for item in stored)


@pytest.mark.usefixtures("written")
def test_syncs_are_read(store: SyncRepository) -> None:
    """Those with parts, those that wait, and for what."""
    document = store.load_sync(SYNC_ID)
    assert document
    assert (document.outcome, document.company_id) == (Outcome.FAILED, COMPANY_ID)
    assert [item.status for item in document.items] == ["Completed", "PushError"]
    large, in_progress, behind_gate, not_found = map(store.load_sync, (LARGE, IN_PROGRESS, BEHIND_GATE, NOT_FOUND))
    assert large
    assert [item.transaction_id for item in large.items] == [f"t{n}" for n in range(5)]
    assert in_progress
    assert in_progress.pending_check
    assert (in_progress.pending_check.attempts, in_progress.pending_check.check_failure) == (0, None)
    assert behind_gate
    assert behind_gate.pending_check
    assert behind_gate.pending_check.check_failure is CheckFailure.GATE_CLOSED
    assert not_found
    assert not_found.pending_check
    assert not_found.pending_check.check_failure is CheckFailure.NOT_FOUND
    assert store.load_sync_ids_of_transaction(COMPANY_ID, TRANSACTION_IDS[0]) == [SYNC_ID]
    assert store.load_processed_event_ids(SYNC_ID) == [f"msg_{SYNC_ID}"]


@pytest.mark.usefixtures("written")
def test_what_was_submitted_and_retried_is_read(store: SyncRepository) -> None:
    """Who claims what, the bodies as they were sent, and which syncs came of a retry."""
    submissions = SubmissionRepository(store.table)
    claims = submissions.load_claims(COMPANY_ID, [SUBMITTED, RECORDED])
    assert claims[RECORDED] is None
    holder = claims[SUBMITTED]
    assert holder
    assert (holder.state, holder.transaction_ids) == (State.ACCEPTED, (SUBMITTED,))
    (first, body), (second, _) = submissions.load_submissions(COMPANY_ID, SUBMITTED)
    assert json.loads(body.text)["id"] == SUBMITTED
    assert first.sync_id
    assert second.retry_of == first.sync_id
    retry = RetryRepository(store.table).load(first.sync_id)
    assert retry
    assert (retry.state, retry.sync_ids) == (RetryState.SCHEDULED, (second.sync_id,))
    ((kept, _),) = submissions.load_submissions(COMPANY_ID, RECORDED)
    assert kept.state is State.STORED


@pytest.mark.usefixtures("written")
def test_the_company_the_gate_and_what_is_due_are_read(store: SyncRepository) -> None:
    """All that the clock and the worker need before they ask Codat."""
    company = CompanyRepository(store.table, event_retention=timedelta(days=16)).load_snapshot(COMPANY_ID, []).company
    assert company
    assert company.name
    compared = Completeness(store.table).company(COMPANY_ID)
    assert compared
    assert compared.listed >= 4
    assert ReconciliationRunRepository(store.table).load_directory()
    state = SharedGate(store.table, _now).state
    assert state.closure
    assert state.closure.reason is ClosureReason.QUOTA
    assert state.quota
    due = DueItemRepository(store.table).load(_now() + timedelta(days=2), 500, is_opened_early=True)
    assert {item.message.get("syncId") for item in due} >= {IN_PROGRESS, BEHIND_GATE, NOT_FOUND}


@pytest.mark.usefixtures("written")
def test_an_erased_company_stays_erased(start: StartFunction, store: SyncRepository) -> None:
    """Its erasure block stays too, and so do accepted differences from Codat's list."""
    stone = TombstoneRepository(store.table).load(FORGOTTEN)
    assert stone
    assert (stone.reason, stone.erased_at) == ("ticket 7", stone.started_at)
    answer = ask(start("submit"), "POST", EXPENSES.replace(COMPANY_ID, FORGOTTEN), [expense()])
    assert (answer.status, answer.body["canBeRetried"]) == (410, "False")
    assert ReconciliationRepository(store.table).load_agreed(COMPANY_ID)[SYNC_ID] == AGREED


@pytest.mark.usefixtures("written")
def test_the_functions_go_on_with_it(
    start: StartFunction, aws: Aws, store: SyncRepository, simulated: SimulatedCodat
) -> None:
    """What is written over keeps what a later version had put there."""
    aws.dynamodb.delete_item(TableName="syncs", Key={"pk": {"S": "GATE"}, "sk": {"S": "GATE"}})  # a day has passed
    before = aws.dynamodb.get_item(TableName="syncs", Key={"pk": {"S": f"SYNC#{SYNC_ID}"}, "sk": {"S": "SYNC"}})["Item"]
    simulated.change_sync(SYNC_ID, code=2000, items=())
    assert failed(start("worker")(batch(of(simulated, simulated.sync(SYNC_ID), "msg_later")))) == []
    document = store.load_sync(SYNC_ID)
    assert document
    assert (document.outcome, document.version) == (Outcome.SUCCEEDED, int(before["version"]["N"]) + 1)
    after = aws.dynamodb.get_item(TableName="syncs", Key={"pk": {"S": f"SYNC#{SYNC_ID}"}, "sk": {"S": "SYNC"}})["Item"]
    assert after.get("later") == before.get("later")
    assert start("clock")({})["enqueued"] >= 3
    retried = start("retry")({"syncId": SYNC_ID})
    assert retried["syncId"] == SYNC_ID
    event = load("health", "sync")
    event["rawPath"] = event["requestContext"]["http"]["path"] = "/api/v1/syncs"
    event |= {"rawQueryString": f"companyId={COMPANY_ID}", "queryStringParameters": {"companyId": COMPANY_ID}}
    answer = start("health")(event)
    assert answer["statusCode"] == 200
    assert {row["syncId"] for row in json.loads(answer["body"])["syncs"]} >= {SYNC_ID, LARGE}


@pytest.mark.parametrize(
    ("key", "expression"),
    [
        (("SYNC#" + IN_PROGRESS, "SYNC"), "pendingCheck.checkFailure"),
        (("SYNC#" + IN_PROGRESS, "SYNC"), "provisionalOutcome"),
        (("GATE", "GATE"), "reason"),
    ],
)
def test_a_word_that_is_not_known_yet_does_no_harm(
    aws: Aws, store: SyncRepository, key: tuple[str, str], expression: str
) -> None:
    """A sync is polled, and a closed gate stays closed."""
    (items, *_) = released_items.stored().values()
    for item in items:
        aws.dynamodb.put_item(TableName="syncs", Item=item)
    aws.dynamodb.update_item(
        TableName="syncs",
        Key={"pk": {"S": key[0]}, "sk": {"S": key[1]}},
        UpdateExpression=f"SET {'.'.join(f'#{n}' for n, _ in enumerate(expression.split('.')))} = :later",
        ExpressionAttributeNames={f"#{n}": name for n, name in enumerate(expression.split("."))},
        ExpressionAttributeValues={":later": {"S": "what nobody knows yet"}},
    )
    document = store.load_sync(IN_PROGRESS)
    assert document
    assert document.pending_check
    assert document.pending_check.due_at
    assert SharedGate(store.table, _now).state.closure


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (("SYNC", "SYNC"), {"summary": {"outcome": {"S": "what nobody knows yet"}}}),
        (("RECONCILE", "ENDPOINT"), {"state": {"S": "what nobody knows yet"}}),
        (
            ("COMPANY", "RECONCILIATION"),
            {"unresolved": {SYNC_ID: {"L": [{"S": "what nobody knows yet"}, {"NULL": True}, {"NULL": True}]}}},
        ),
    ],
)
def test_reconcile_goes_on_with_a_word_that_is_not_known_yet(
    start: StartFunction, aws: Aws, kind: tuple[str, str], words: dict[str, Any]
) -> None:
    """One item would stop it for all companies."""
    (items, *_) = released_items.stored().values()
    for item in items:
        changed = item if released_items.get_item_type(item) != kind else item | _with(item, words)
        aws.dynamodb.put_item(TableName="syncs", Item=changed | _due_now(item))
    aws.dynamodb.delete_item(TableName="syncs", Key={"pk": {"S": "GATE"}, "sk": {"S": "GATE"}})
    went = start("reconcile")({"remaining_ms": 290_000})
    assert (went["stopReason"], went["compared"]) == ("completed", 1)


def _with(item: dict[str, Any], words: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes of an item that have these words in them; those that are maps keep their others."""
    return {
        name: word if len(word) == 1 and "S" in word else {"M": item[name]["M"] | word} for name, word in words.items()
    }


def _due_now(item: dict[str, Any]) -> dict[str, Any]:
    """Return a change that makes reconcile compare an item in this run."""
    return {name: {"S": "2026-01-01T00:00:00.000Z"} for name in ("reconcileAt", "nextAt") if name in item}


def test_a_submission_whose_state_is_not_known_yet_is_never_sent(aws: Aws, store: SyncRepository) -> None:
    """It may have been written: its outcome is looked up, and a version that does not know the state keeps it."""
    (items, *_) = released_items.stored().values()
    for item in items:
        state = {"state": {"S": "a new one"}} if item["sk"]["S"] in {"SUB", "RETRY"} else {}
        aws.dynamodb.put_item(TableName="syncs", Item=item | state)
    holder = SubmissionRepository(store.table).load_claims(COMPANY_ID, [SUBMITTED])[SUBMITTED]
    assert holder
    assert holder.state is State.UNKNOWN
    assert holder.retry_of
    retry = RetryRepository(store.table).load(holder.retry_of)
    assert retry
    assert retry.state is RetryState.OPEN
