"""The worklist: every failed sync once, by who has to act, and what users decide about it."""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from codat_sync.syncs.repository import SyncRepository
from codat_sync.syncs.retry_repository import RetryRepository
from codat_sync.syncs.work_category import WorkCategory
from dev.codat_simulator.books.models import Company, Item
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID, load
from tests.pages.serving import lambda_api
from tests.support.aws import Aws
from tests.support.botocore_calls import count_requests
from tests.support.handlers import Handler, StartFunction
from tests.support.sqs_batches import batch, failed, of

# All functions share this process's metrics: flushing retry's also flushes those of health, which invoked it.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics:UserWarning")

_BUSY = Item("t1", "PushError", "expense", "busy")


class Team:
    """Agents with the role RETRY unless they have ``roles``, the functions, and Codat."""

    def __init__(self, start: StartFunction, simulated: SimulatedCodat, aws: Aws, retry: Handler) -> None:
        self._health, self._worker = start("health"), start("worker")
        self._clock, self._retry = start("clock"), retry
        self._simulated = simulated
        self._aws = aws

    def fails(self, *items: Item, company: Company | None = None, days_ago: int = 0) -> str:
        """Let a sync fail, and be planned; returns its id."""
        at = (datetime.now(UTC) - timedelta(days=days_ago)).isoformat()
        company = company or self._simulated.company(COMPANY_ID)
        sync = self._simulated.add_sync(company, 5130, items or (_BUSY,), sync_utc=at)
        self.hears(sync.sync_id)
        return sync.sync_id

    def hears(self, sync_id: str, *items: Item) -> None:
        """Deliver the webhook of a sync, which has other items if some are given; let it be planned."""
        if items:
            self._simulated.change_sync(sync_id, items=items)
        sync = self._simulated.sync(sync_id)
        webhook_id = f"msg_{sync_id}_{len(sync.items)}_{sync.items[0].message}"
        assert failed(self._worker(batch(of(self._simulated, sync, webhook_id.replace(" ", "_"))))) == []
        self._clock({})
        for each in self._aws.messages("RETRY_QUEUE"):
            event = load("retry", "due")
            event["Records"][0]["body"] = each["Body"]
            assert self._retry(event) == {"batchItemFailures": []}

    def ask(self, path: str, *, status: int = 200, **query: Any) -> Any:  # noqa: ANN401 - JSON, or CSV
        """Get a path below /api/v1; return its body."""
        answer = self._request("GET", path, query, "codat-sync/view")
        assert answer["statusCode"] == status, answer["body"]
        return answer["body"] if query.get("format") == "csv" else json.loads(answer["body"])

    def decide(self, sync_id: str, *, role: str = "codat-sync/retry", **decision: str) -> tuple[int, Any]:
        """Decide about a failed sync; return the status and the body of the response."""
        answer = self._request("POST", f"/work-items/{sync_id}/decisions", {}, role, json.dumps(decision))
        return answer["statusCode"], json.loads(answer["body"])

    def categories(self, **query: Any) -> dict[str, str]:  # noqa: ANN401 - parameters
        """Return the category of each sync on the worklist, which has each of them once."""
        items = self.ask("/work-items", category=[each.value for each in WorkCategory], limit=200, **query)["items"]
        assert max(Counter(each["sync"]["syncId"] for each in items).values(), default=1) == 1
        return {each["sync"]["syncId"]: each["sync"]["category"] for each in items}

    def _request(self, method: str, path: str, query: dict[str, Any], role: str, body: str | None = None) -> Any:  # noqa: ANN401 - JSON
        event = load("health", "sync")
        event["rawPath"] = event["requestContext"]["http"]["path"] = f"/api/v1{path}"
        event["requestContext"]["http"]["method"] = method
        event["requestContext"]["authorizer"] = {
            "jwt": {"claims": {"sub": "id-of-ann", "name": "Ann", "cognito:groups": f"[{role}]"}}
        }
        event["rawQueryString"] = urlencode(query, doseq=True)
        event["queryStringParameters"] = {
            name: ",".join(map(str, value)) if isinstance(value, list) else str(value) for name, value in query.items()
        }
        event["headers"]["content-type"] = "application/json"
        return self._health(event | ({"body": body} if body else {}))


@pytest.fixture
def team(start: StartFunction, simulated: SimulatedCodat, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Team]:
    """Yield agents whose decisions reach the retry function as on AWS."""
    retry = start("retry")
    monkeypatch.setattr("codat_sync.rate_limits.gate._MAX_AGE", 0)
    with lambda_api(retry) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", url)
        yield Team(start, simulated, aws, retry)


@pytest.fixture
def disconnected(simulated: SimulatedCodat) -> Company:
    """Return a company that has to connect its accounting software again."""
    return simulated.set_connection_status(simulated.add_company().company_id, "Deauthorized")


def test_every_failed_sync_is_listed_once_and_counted(team: Team, disconnected: Company) -> None:
    """In the category of who has to act; the list of syncs says the same."""
    ours, theirs = team.fails(), team.fails(company=disconnected)
    expected = {ours: "ourTeam", theirs: "customer"}
    assert team.categories() == expected
    counted = {each["category"]: each["number"] for each in team.ask("/work-items/counts")["counts"]}
    assert counted == dict.fromkeys(WorkCategory, 0) | {"ourTeam": 1, "customer": 1}
    rows = team.ask("/syncs")["syncs"]
    assert {each["syncId"]: each["category"] for each in rows} == expected
    assert [each["syncId"] for each in team.ask("/syncs", category="customer")["syncs"]] == [theirs]
    (item,) = team.ask("/work-items", category="customer")["items"]
    assert (item["state"], item["steps"], item["openTransactions"]) == ("scheduled", {"needsReconnection": 1}, 1)
    assert (item["meaning"]["actionOwner"], "connect" in item["meaning"]["customerNote"]) == ("customer", True)


def test_the_list_is_paged_filtered_and_exported(team: Team, disconnected: Company) -> None:
    """One category after the other, each newest first; the cursor leads from one to the next."""
    ours = [team.fails(days_ago=days) for days in (0, 1, 2)]
    theirs = [team.fails(company=disconnected, days_ago=days) for days in (0, 1)]
    found: list[str] = []
    cursor: dict[str, Any] = {}
    while True:
        page = team.ask("/work-items", limit=2, **cursor)
        found += [each["sync"]["syncId"] for each in page["items"]]
        assert not page["isTruncated"]
        if not page["nextCursor"]:
            break
        assert len(page["items"]) == 2
        cursor = {"cursor": page["nextCursor"]}
    assert found == [*ours, *theirs]
    assert list(team.categories(companyId=disconnected.company_id)) == theirs
    oldest = team.ask("/work-items", category="ourTeam", order="asc", limit=1)["items"]
    assert [each["sync"]["syncId"] for each in oldest] == [ours[-1]]
    team.decide(ours[0], kind="note", reason="=called the customer")
    rows = list(csv.DictReader(io.StringIO(team.ask("/work-items", format="csv"))))
    assert [row["syncId"] for row in rows] == found
    assert (rows[0]["category"], rows[0]["decision"], rows[0]["reason"]) == ("ourTeam", "note", "'=called the customer")
    assert rows[0]["nextStep"].startswith("Submit the items again from the product")


@pytest.mark.parametrize(
    "query", [{"cursor": "ourTeam@soon"}, {"cursor": "resolved@"}, {"cursor": "@"}, {"category": "nobody"}]
)
def test_an_invalid_cursor_or_category_is_refused(team: Team, query: dict[str, Any]) -> None:
    """A cursor of another category, too."""
    assert "is unknown or expired" in json.dumps(team.ask("/work-items", status=400, **query)) or "category" in query


def test_a_page_takes_three_requests_whatever_else_is_on_the_worklist(team: Team, disconnected: Company) -> None:
    """One for the index, one for the retries, and one for the names of companies."""
    for days in range(4):
        team.fails(days_ago=days)
    team.fails(company=disconnected)
    with count_requests() as requests:
        assert len(team.ask("/work-items", limit=3)["items"]) == 3
    assert requests == {"Query byCompany": 1, "BatchGetItem": 2}
    with count_requests() as requests:
        team.ask("/work-items/counts")
    assert requests == {"Query byCompany": len(WorkCategory)}


def test_a_dismissed_sync_is_off_the_list_until_it_fails_again(team: Team, retries: RetryRepository) -> None:
    """Who dismissed it, why and when stay recorded; so do notes."""
    sync_id = team.fails()
    assert team.decide(sync_id, kind="note", reason="asked Codat")[0] == 200
    assert team.categories() == {sync_id: "ourTeam"}
    status, item = team.decide(sync_id, kind="dismiss", reason=" entered by hand ")
    assert (status, item["sync"]["category"], item["meaning"]["actionOwner"]) == (200, "dismissed", "nobody")
    assert team.categories() == {sync_id: "dismissed"}
    assert team.ask("/work-items")["items"] == []
    details = team.ask(f"/syncs/{sync_id}")
    assert [(each["kind"], each["by"], each["reason"]) for each in details["retry"]["decisions"]] == [
        ("note", "Ann (id-of-ann)", "asked Codat"),
        ("dismiss", "Ann (id-of-ann)", "entered by hand"),
    ]
    assert details["meaning"]["nextStep"] == "Nothing: the sync was dismissed."
    assert [(each["action"], each["actor"]) for each in team.ask(f"/syncs/{sync_id}/audit")["entries"]] == [
        ("dismiss", "Ann (id-of-ann)"),
        ("note", "Ann (id-of-ann)"),
    ]
    team.hears(sync_id, _BUSY, Item("t2", "PushError", "expense", "too"))
    assert team.categories() == {sync_id: "ourTeam"}
    retry = retries.load(sync_id)
    assert retry
    assert (retry.open_transactions, retry.is_dismissed) == (2, False)


def test_it_can_be_reopened(team: Team) -> None:
    """The first sync is decided about, whichever of its syncs is named."""
    sync_id = team.fails()
    for kind, category in (("dismiss", "dismissed"), ("reopen", "ourTeam"), ("dismiss", "dismissed")):
        assert team.decide(sync_id, kind=kind, reason="why")[1]["sync"]["category"] == category
        assert team.categories() == {sync_id: category}


@pytest.mark.parametrize(
    ("role", "decision", "status"),
    [
        ("codat-sync/view", {"kind": "dismiss", "reason": "why"}, 403),
        ("codat-sync/expenses", {"kind": "dismiss", "reason": "why"}, 403),
        ("codat-sync/retry", {"kind": "dismiss"}, 400),
        ("codat-sync/retry", {"kind": "dismiss", "reason": ""}, 400),
        ("codat-sync/retry", {"kind": "dismiss", "reason": " "}, 400),
        ("codat-sync/retry", {"kind": "dismiss", "reason": "x" * 501}, 400),
        ("codat-sync/retry", {"kind": "delete", "reason": "why"}, 400),
    ],
)
def test_a_decision_needs_the_role_and_a_reason(
    team: Team, retries: RetryRepository, role: str, decision: dict[str, str], status: int
) -> None:
    """Nothing is recorded."""
    sync_id = team.fails()
    assert team.decide(sync_id, role=role, **decision)[0] == status
    retry = retries.load(sync_id)
    assert retry
    assert retry.decisions == ()


def test_only_failed_syncs_are_decided_about(team: Team, simulated: SimulatedCodat, retries: RetryRepository) -> None:
    """Neither an unknown nor a successful sync becomes a work item."""
    sync = simulated.add_sync(simulated.company(COMPANY_ID), 2000, [Item("t1")])
    team.hears(sync.sync_id)
    for sync_id in ("unknown", sync.sync_id):
        assert team.decide(sync_id, kind="dismiss", reason="why")[0] == 404
        assert retries.load(sync_id) is None
    assert team.categories() == {}


@pytest.fixture
def retries(store: SyncRepository) -> RetryRepository:
    """Return the stored retries."""
    return RetryRepository(store.table)
