"""What people do by hand is recorded by the function that does it, and listed: real handlers, moto's table."""

import csv
import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from codat_sync.audit.entry import Action, AuditEntry
from codat_sync.audit.repository import AuditRepository
from codat_sync.aws.dynamodb import Table
from codat_sync.bootstrap.dead_letters import build_dead_letters
from codat_sync.companies.tombstones import TombstoneRepository
from codat_sync.dead_letters.dead_letter import DeadLetterFilter, DropDecision
from codat_sync.dead_letters.queue import DeadLetterQueueClient
from dev.codat_simulator.faults import Fault
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID, SYNC_ID, load
from tests.support.aws import Aws
from tests.support.botocore_calls import count_requests
from tests.support.handlers import Handler, StartFunction
from tests.support.sqs_batches import batch, failed, of

_NOW = datetime.now(UTC)


@pytest.fixture
def table(aws: Aws) -> Table:
    return Table(aws.dynamodb, aws.environment["SYNC_TABLE_NAME"])


@pytest.fixture
def known_sync(start: StartFunction, simulated: SimulatedCodat) -> str:
    """Have the worker store the failed sync of the stored events; returns its id."""
    assert failed(start("worker")(batch(of(simulated, simulated.sync(SYNC_ID))))) == []
    return SYNC_ID


def _ask(health: Handler, path: str, query: Mapping[str, object], method: str = "GET") -> dict[str, Any]:
    event = load("health", "sync")
    event["rawPath"] = event["requestContext"]["http"]["path"] = f"/api/v1{path}"
    event["requestContext"]["http"]["method"] = method
    event["rawQueryString"] = urlencode(query)
    event["queryStringParameters"] = {name: str(value) for name, value in query.items()}
    answer = health(event)
    assert answer["statusCode"] == 200, answer["body"]
    return answer


def _entries(health: Handler, path: str = "/audit", **query: object) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads(_ask(health, path, query)["body"])["entries"]
    return entries


def test_a_retry_by_hand_is_recorded_with_who_asked_and_what_came_of_it(start: StartFunction, known_sync: str) -> None:
    """By the API, by the pages, which invoke the function directly, and by whoever else may invoke it."""
    retry, health = start("retry"), start("health")
    assert retry(load("retry", "asked"))["statusCode"] == 200
    retry({"syncId": known_sync, "isManual": True, "by": "Ann (1)"})
    retry({"syncId": known_sync, "transactionIds": ["unknown"]})
    caller = "4f0c1f0e-6c55-4cf6-9d55-0f2b8c1f9a51"
    actors = ["somebody who may invoke the function", "Ann (1)", caller]
    for path in ("/audit", f"/syncs/{known_sync}/audit"):
        entries = _entries(start("health"), path)
        assert [(each["action"], each["actor"]) for each in entries] == [("retry", actor) for actor in actors]
        assert {(each["syncId"], each["companyId"]) for each in entries} == {(SYNC_ID, COMPANY_ID)}
        assert entries[0]["details"]["transactions"] == "unknown"
        assert entries[1]["details"]["transactions"] == "all that failed"
        assert entries[1]["details"]["state"] == "stopped"
    assert _entries(health, "/syncs/another/audit") == []


def test_a_retry_that_was_due_has_nobody_who_asked(start: StartFunction, known_sync: str) -> None:
    """The clock's messages are no actions of somebody."""
    due = load("retry", "due")
    due["Records"][0]["body"] = json.dumps(json.loads(due["Records"][0]["body"]) | {"syncId": known_sync})
    assert failed(start("retry")(due)) == []
    assert _entries(start("health")) == []


def test_what_cannot_be_recorded_is_not_retried(
    start: StartFunction, known_sync: str, simulated: SimulatedCodat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The entry is written before anything is sent."""
    retry, asked = start("retry"), len(simulated.requests.entries)

    def refuse(*_: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(Table, "transact", refuse)
    with pytest.raises(ConnectionError):
        retry({"syncId": known_sync, "isManual": True})
    assert len(simulated.requests.entries) == asked


def test_a_refresh_is_recorded_with_the_caller(start: StartFunction, known_sync: str) -> None:
    """It uses the quota reserved for users; what Codat answers makes no difference."""
    health = start("health")
    _ask(health, f"/syncs/{known_sync}/refresh", {}, "POST")
    (entry,) = _entries(health)
    subject = load("health", "sync")["requestContext"]["authorizer"]["jwt"]["claims"]["sub"]
    assert (entry["action"], entry["syncId"]) == ("refresh", SYNC_ID)
    assert subject in entry["actor"]


@pytest.mark.parametrize("is_erased", [False, True])
def test_dead_letters_are_recorded_before_they_are_dealt_with(
    start: StartFunction, aws: Aws, table: Table, simulated: SimulatedCodat, *, is_erased: bool
) -> None:
    """Each with its sync; of an erased company, only that there was a letter."""
    simulated.faults.add(Fault("wrong_shape", times=3, path="status$"))
    start("worker")(batch(of(simulated, simulated.sync(SYNC_ID))))
    if is_erased:
        TombstoneRepository(table).put(COMPANY_ID, "an operator", "a ticket", _NOW)
    dead, source = (aws.environment[name] for name in ("SYNC_DEAD_LETTER_QUEUE_URL", "SYNC_QUEUE_URL"))
    letters = build_dead_letters(table, [DeadLetterQueueClient(aws.sqs, "sync", url=dead, source_url=source)])
    assert len(letters.redrive(DeadLetterFilter(), "Ann (1)")) == 1
    aws.sqs.send_message(QueueUrl=dead, MessageBody=json.dumps({"companyId": COMPANY_ID, "syncId": SYNC_ID}))
    assert len(letters.drop(DeadLetterFilter(), DropDecision("a test", "Bob (2)", _NOW))) == 1
    dropped, reprocessed = _entries(start("health"))
    assert (reprocessed["action"], reprocessed["actor"]) == ("reprocess", "Ann (1)")
    assert (dropped["action"], dropped["actor"], dropped["details"]["reason"]) == ("drop", "Bob (2)", "a test")
    ids = (None, None) if is_erased else (COMPANY_ID, SYNC_ID)
    assert {(each["companyId"], each["syncId"]) for each in (dropped, reprocessed)} == {ids}


def test_the_list_is_filtered_paged_and_exported(start: StartFunction, table: Table) -> None:
    """One request per page of a month."""
    audit, health, period = AuditRepository(table), start("health"), {"from": "2026-10-01", "to": "2026-11-24"}
    for number in range(30):
        action = Action.DROP if number % 10 == 0 else Action.NOTE
        at = datetime(2026, 10 if number == 29 else 11, 20, tzinfo=UTC) - timedelta(minutes=number)
        audit.record(AuditEntry(at, f"=Ann {number}", action, "s", "c", {"reason": f"because {number}"}))
    first = json.loads(_ask(health, "/audit", period | {"limit": 20})["body"])
    with count_requests() as requests:
        rest = json.loads(_ask(health, "/audit", period | {"limit": 20, "cursor": first["nextCursor"]})["body"])
    assert [each["details"]["reason"] for each in first["entries"] + rest["entries"]] == [
        f"because {number}" for number in range(30)
    ]
    assert rest["nextCursor"] is None
    assert requests["Query"] == 2
    assert len(_entries(health, action="drop", **period)) == 3
    assert [each["actor"] for each in _entries(health, actor="ann 29", **period)] == ["=Ann 29"]
    exported = list(csv.DictReader(io.StringIO(_ask(health, "/audit", period | {"format": "csv"})["body"])))
    assert len(exported) == 30
    assert (exported[0]["actor"], exported[0]["details"]) == ("'=Ann 0", "reason: because 0")


def test_an_entry_recorded_again_replaces_itself(table: Table) -> None:
    """In its month and with its sync."""
    audit, entry = AuditRepository(table), AuditEntry(_NOW, "Ann", Action.RETRY, "s", "c")
    audit.record(entry)
    audit.record(entry.with_details(state="resolved"))
    for entries, has_more in (
        audit.load_month(f"{_NOW:%Y-%m}", None, 10),
        audit.load_of_sync("s", None, 10),
    ):
        assert [dict(each.details) for each in entries] == [{"state": "resolved"}]
        assert not has_more
