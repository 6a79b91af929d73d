"""Call the JSON API as API Gateway does, over data written by the worker."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest
from botocore.exceptions import ClientError

from codat_sync.aws.dynamodb import Table
from codat_sync.aws.table_schema import BODY_PREFIX, GATE, claim_key
from codat_sync.core.timestamps import format_timestamp
from codat_sync.rate_limits.gate import SharedGate
from codat_sync.submissions.expense_bodies import Body, Kind
from codat_sync.submissions.repository import SubmissionRepository
from codat_sync.submissions.submission import State, Submission
from codat_sync.syncs.repository import SyncRepository
from codat_sync.syncs.retry_repository import RetryRepository
from codat_sync.syncs.status_codes import Outcome, explain
from dev.codat_simulator.books.models import Item, Sync
from dev.codat_simulator.books.sample_data import generate_items
from dev.codat_simulator.books.settling import Outcome as Settled
from dev.codat_simulator.books.settling import Verdict
from dev.codat_simulator.faults import Fault
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID, SYNC_ID, TRANSACTION_IDS, load
from tests.support.aws import Aws
from tests.support.botocore_calls import count_requests, intercept_calls
from tests.support.handlers import StartFunction
from tests.support.sqs_batches import batch, failed, of
from tests.support.submit_requests import EXPENSES, ask, expense
from tests.support.tables.sync_table import add_unknown_outcome


def _today() -> date:
    return datetime.now(UTC).date()


class Answer(NamedTuple):
    """A response of the function."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def body(self) -> Any:  # noqa: ANN401 - JSON
        return json.loads(self.text)


class Health:
    """The health function, and a worker that writes its data."""

    def __init__(self, start: StartFunction, simulated: SimulatedCodat) -> None:
        self._handler = start("health")
        self._worker = start("worker")
        self._simulated = simulated
        self.groups = "[codat-sync/view]"

    def post(self, path: str) -> Answer:
        """Post to a path below /api/v1."""
        return self._ask("POST", path, {})

    def ask(self, path: str, **query: Any) -> Answer:  # noqa: ANN401 - whatever can be asked for
        """Get a path below /api/v1."""
        return self._ask("GET", path, query)

    def _ask(self, method: str, path: str, query: Mapping[str, object]) -> Answer:
        event = load("health", "sync")
        event["rawPath"] = event["requestContext"]["http"]["path"] = f"/api/v1{path}"
        event["requestContext"]["http"]["method"] = method
        event["requestContext"]["authorizer"]["jwt"]["claims"]["cognito:groups"] = self.groups
        event["rawQueryString"] = urlencode(query, doseq=True)
        event["queryStringParameters"] = {
            name: ",".join(map(str, value)) if isinstance(value, list) else str(value) for name, value in query.items()
        }
        answer = self._handler(event)
        headers = {name.lower(): value for name, value in answer["headers"].items()}
        return Answer(answer["statusCode"], headers, answer["body"])

    def hears(self, sync: Sync, webhook_id: str | None = None) -> None:
        """Deliver the webhook of a sync."""
        assert failed(self._worker(batch(of(self._simulated, sync, webhook_id or f"msg_{sync.sync_id}")))) == []

    def knows(self, code: int, rows: Sequence[Item], *, days_ago: int = 0, company_id: str = COMPANY_ID) -> Sync:
        """Create a sync in Codat and deliver its webhook."""
        company = self._simulated.company(company_id)
        at = format_timestamp(datetime.now(UTC) - timedelta(days=days_ago))
        sync = self._simulated.add_sync(company, code, rows, sync_utc=at)
        self.hears(sync)
        return sync


@pytest.fixture
def health(start: StartFunction, simulated: SimulatedCodat, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Health:
    """Return a client that reads the gate before each call."""
    del aws
    monkeypatch.setattr("codat_sync.rate_limits.gate._MAX_AGE", 0)
    return Health(start, simulated)


def _ids(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.text
    return [row["syncId"] for row in answer.body["syncs"]]


def test_the_history_lists_syncs_newest_first_and_a_cursor_leads_to_the_rest(health: Health) -> None:
    """Pages cross days, which are partitions, without repeating a sync."""
    made = [health.knows(2000, generate_items(2), days_ago=days).sync_id for days in (0, 0, 1, 3, 3)]
    found: list[str] = []
    query: dict[str, object] = {"limit": 2}
    while True:
        answer = health.ask("/syncs", **query)
        found += _ids(answer)
        if answer.body["nextCursor"] is None:
            break
        query["cursor"] = answer.body["nextCursor"]
    assert len(found) == len(made)
    assert [set(found[:2]), found[2], set(found[3:])] == [set(made[:2]), made[2], set(made[3:])]
    assert _ids(health.ask("/syncs", order="asc", limit=200)) == found[::-1]


def test_the_history_is_filtered_by_company_code_outcome_and_range(health: Health, simulated: SimulatedCodat) -> None:
    """Filters work alone and combined."""
    other = simulated.add_company().company_id
    good = health.knows(2000, [Item("a")])
    bad = health.knows(5130, [Item("a", "PushError")], days_ago=2)
    others = health.knows(4000, [], days_ago=2, company_id=other)
    assert _ids(health.ask("/syncs", outcome="succeeded")) == [good.sync_id]
    assert _ids(health.ask("/syncs", code=["5130", "2000"])) == [good.sync_id, bad.sync_id]
    assert _ids(health.ask("/syncs", companyId=other)) == [others.sync_id]
    assert _ids(health.ask("/syncs", companyId=COMPANY_ID.upper(), outcome="failed")) == [bad.sync_id]
    day = (_today() - timedelta(days=2)).isoformat()
    assert set(_ids(health.ask("/syncs", to=day))) == {bad.sync_id, others.sync_id}
    assert _ids(health.ask("/syncs", **{"from": day, "to": day, "companyId": COMPANY_ID})) == [bad.sync_id]
    assert _ids(health.ask("/syncs", **{"from": (_today() - timedelta(days=1)).isoformat()})) == [good.sync_id]


def test_every_company_id_comes_with_the_companys_name(health: Health, simulated: SimulatedCodat, aws: Aws) -> None:
    """In lists, in a sync, a transaction, a cause, an unknown outcome and a configuration, and in CSV."""
    name = simulated.company(COMPANY_ID).name
    sync = health.knows(5130, [Item("a", "PushError", message="Too old.")])
    assert [row["companyName"] for row in health.ask("/syncs").body["syncs"]] == [name]
    assert health.ask(f"/syncs/{sync.sync_id}").body["sync"]["companyName"] == name
    assert health.ask(f"/companies/{COMPANY_ID}/transactions/a").body["companyName"] == name
    assert health.ask(f"/companies/{COMPANY_ID}").body["latest"]["companyName"] == name
    assert health.ask("/causes").body["causes"][0]["exampleCompanyName"] == name
    assert health.ask(f"/companies/{COMPANY_ID}/configuration").body["companyName"] == name
    add_unknown_outcome(Table(aws.dynamodb, "syncs"), COMPANY_ID, "b")
    assert {row["companyName"] for row in health.ask("/unknown-outcomes").body["outcomes"]} == {name}
    for path, column in (("/syncs", "companyName"), ("/causes", "exampleCompanyName")):
        rows = csv.DictReader(io.StringIO(health.ask(path, format="csv").text))
        assert [row[column] for row in rows] == [name], path


def test_a_company_without_a_name_is_shown_by_its_id(health: Health, simulated: SimulatedCodat) -> None:
    """Its name is null until Codat has said it."""
    simulated.faults.add(Fault("status", times=20, path=f"/companies/{COMPANY_ID}(/connections)?$"))
    health.knows(2000, [])
    assert [row["companyName"] for row in health.ask("/syncs").body["syncs"]] == [None]


def test_a_search_finds_a_sync_whenever_it_was_or_the_syncs_of_a_company(
    health: Health, simulated: SimulatedCodat
) -> None:
    """Ids are case-insensitive."""
    old = health.knows(2000, [], days_ago=200)
    new = health.knows(2000, [], company_id=simulated.add_company().company_id)
    assert _ids(health.ask("/syncs", search=old.sync_id.upper())) == [old.sync_id]
    assert _ids(health.ask("/syncs", search=new.company_id)) == [new.sync_id]
    assert _ids(health.ask("/syncs", search="nobody-knows-it")) == []


@pytest.mark.parametrize("sort", ["companyId", "code", "outcome", "transactions", "failed"])
def test_the_history_sorts_by_each_column(health: Health, simulated: SimulatedCodat, sort: str) -> None:
    """Sort in both directions, across pages."""
    health.knows(2000, generate_items(3))
    health.knows(5130, [Item("a", "PushError"), Item("b", "PushError")], days_ago=1)
    health.knows(4000, [], company_id=simulated.add_company().company_id)
    rows = health.ask("/syncs", sort=sort, order="asc").body["syncs"]
    assert [row[sort] for row in rows] == sorted(row[sort] for row in rows)
    first = health.ask("/syncs", sort=sort, limit=2)
    second = health.ask("/syncs", sort=sort, limit=2, cursor=first.body["nextCursor"])
    assert [row[sort] for row in first.body["syncs"] + second.body["syncs"]] == [row[sort] for row in rows][::-1]
    assert (second.body["nextCursor"], second.body["isTruncated"]) == (None, False)


def test_totals_count_each_day_by_outcome(health: Health) -> None:
    """Include days without syncs."""
    health.knows(2000, generate_items(3))
    health.knows(5130, [Item("a", "PushError"), Item("b")], days_ago=2)
    health.knows(5130, [Item("a", "PushError")], days_ago=2)
    first = (_today() - timedelta(days=3)).isoformat()
    for company in ({}, {"companyId": COMPANY_ID}):
        found = health.ask("/totals", **{"from": first}, **company).body
        assert [day["syncs"] for day in found["days"]] == [0, 2, 0, 1]
        assert found["days"][1] | {"day": ""} == {
            "day": "",
            "isTruncated": False,
            "syncs": 2,
            "outcomes": {"failed": 2},
            "resolved": 0,
            "transactions": 3,
            "failed": 2,
        }
        assert found["total"]["outcomes"] == {"failed": 2, "succeeded": 1}


def test_details_contain_everything_known_about_a_sync(health: Health, simulated: SimulatedCodat) -> None:
    """Include the status, company, counts, events and retry state."""
    health.hears(simulated.sync(SYNC_ID), "msg_first")
    found = health.ask(f"/syncs/{SYNC_ID}").body
    assert found["sync"]["outcome"] == "failed"
    # Its retry is due, and not planned yet.
    assert (found["meaning"]["actionOwner"], found["sync"]["category"]) == ("nobody", "scheduled")
    assert found["status"]["code"] == 5130
    assert found["counts"] == {"Completed": 1, "PushError": 1}
    assert found["company"]["companyId"] == COMPANY_ID
    assert [event["webhookId"] for event in found["events"]] == ["msg_first"]
    assert found["retry"]["state"] == "open"


def test_push_items_are_searched_filtered_and_paged(health: Health, store: SyncRepository) -> None:
    """Test a sync large enough to be stored in parts."""
    rows = [Item(f"t{number}", "Completed", "expense", "It is booked. " * 150) for number in range(500)]
    rows[400] = Item("needle", "PushError", "expense", "It is not. " * 150)
    sync = health.knows(5130, rows)
    path = f"/syncs/{sync.sync_id}/transactions"
    assert [item["transactionId"] for item in health.ask(path, search="NEEDLE").body["transactions"]] == ["needle"]
    found: list[str] = []
    query: dict[str, object] = {"limit": 90, "status": "Completed"}
    while True:
        page = health.ask(path, **query).body
        found += [item["transactionId"] for item in page["transactions"]]
        if page["nextCursor"] is None:
            break
        query["cursor"] = page["nextCursor"]
    document = store.load_sync(sync.sync_id)
    assert document
    assert found == [item.transaction_id for item in document.items if item.status == "Completed"]
    assert health.ask("/syncs/unknown/transactions").status == 404


def test_a_transaction_is_shown_over_all_its_syncs_with_what_can_be_done(health: Health) -> None:
    """The plan is the one a manual retry would follow."""
    first = health.knows(5130, [Item("a", "PushError", "expense", "busy")], days_ago=1)
    second = health.knows(5130, [Item("a", "ValidationError", "expense", "Account 6100 is archived.")])
    found = health.ask(f"/companies/{COMPANY_ID}/transactions/a").body
    assert {seen["syncId"] for seen in found["syncs"]} == {first.sync_id, second.sync_id}
    assert found["plan"]["step"] == "noBodyRecorded"
    assert health.ask(f"/companies/{COMPANY_ID}/transactions/b").status == 404


def test_what_was_submitted_is_shown_to_who_may_see_it(
    health: Health, start: StartFunction, simulated: SimulatedCodat, store: SyncRepository
) -> None:
    """The role to view shows everything but that; and a purged body is gone for everybody."""
    body = expense(merchantName="Café Noir", reference="R-17", notes="with Ann")
    path = f"/companies/{COMPANY_ID}/transactions/{body['id']}"
    sync_id = ask(start("submit"), "POST", EXPENSES, [body]).body["syncId"]
    assert health.ask(path).body["inBooks"]["answer"] == "unknown"
    busy = Verdict("PushError", "The accounting software is busy.")
    simulated.settle(sync_id, Settled(transactions={body["id"]: busy}, webhook=None))
    health.hears(simulated.sync(sync_id))
    answer = health.ask(path)
    assert (answer.body["expenseState"], answer.body["expense"]) == ("hidden", None)
    assert not [each for each in ("Noir", "R-17", "Ann", "100.1", "120.1") if each in answer.text]
    assert (answer.body["inBooks"]["answer"], answer.body["retrySyncId"]) == ("no", sync_id)
    health.groups = "[codat-sync/expenses]"
    found = health.ask(path).body
    assert found["expenseState"] == "shown"
    shown = [found["expense"][name] for name in ("merchant", "reference", "notes", "amount", "currency", "date")]
    assert shown == ["Café Noir", "R-17", "with Ann", "120.1", "GBP", body["issueDate"]]
    assert found["expense"]["lines"][0] | {"netAmount": "100.1", "taxAmount": "20"} == found["expense"]["lines"][0]
    assert [each["syncId"] for each in found["submissions"]] == [sync_id]
    _purge(store.table, body["id"])
    found = health.ask(path).body
    assert (found["expenseState"], found["expense"]) == ("purged", None)


def _purge(table: Table, transaction_id: str) -> None:
    for item in table.query(claim_key(COMPANY_ID, transaction_id)["pk"], BODY_PREFIX):
        table.update({"pk": item["pk"], "sk": item["sk"]}, {"body": None}, {})


def test_a_plan_says_what_a_retry_would_do_and_does_nothing(health: Health, simulated: SimulatedCodat) -> None:
    """There is a plan for each failed transaction."""
    health.hears(simulated.sync(SYNC_ID))
    found = health.ask(f"/syncs/{SYNC_ID}/plan").body
    assert (found["failed"], found["isRetriable"]) == (1, False)
    assert [each["transactionId"] for each in found["transactions"]] == [TRANSACTION_IDS[1]]
    assert not simulated.submissions


def test_a_company_has_its_latest_sync_and_its_last_successful_one(health: Health) -> None:
    """Any number of failures may lie in between."""
    good = health.knows(2000, [Item("a")], days_ago=60)
    bad = health.knows(5130, [Item("b", "PushError")])
    found = health.ask(f"/companies/{COMPANY_ID}").body
    assert (found["latest"]["syncId"], found["lastSuccessful"]["syncId"]) == (bad.sync_id, good.sync_id)
    assert health.ask("/companies/nobody").status == 404


def test_failures_that_are_alike_but_for_ids_are_one_cause(health: Health) -> None:
    """Many similar failures are shown as few causes."""
    for number in range(3):
        rows = [Item(f"t{n}", "PushError", "expense", f"Account {n}{number} is archived.") for n in range(5)]
        health.knows(5130, rows)
    health.knows(4000, [])
    found = health.ask("/causes").body
    assert [(cause["text"], cause["failures"], cause["syncs"]) for cause in found["causes"]] == [
        ("Account # is archived.", 15, 3),
        ("The company's configuration is not valid.", 1, 1),
    ]
    assert found["syncs"] == 4


def test_codat_is_asked_live_for_people_though_only_their_reserve_is_left(
    health: Health, simulated: SimulatedCodat, aws: Aws
) -> None:
    """The worker also gets a task to fetch the sync again."""
    health.hears(simulated.sync(SYNC_ID))
    simulated.change_sync(SYNC_ID, code=2000, items=tuple(Item(each) for each in TRANSACTION_IDS))
    live = health.post(f"/syncs/{SYNC_ID}/refresh")
    assert (live.status, live.body["status"]["code"]) == (200, 2000)
    (sent,) = aws.messages("SYNC_QUEUE")
    health._worker(batch(sent["Body"]))  # noqa: SLF001 - it is this test's own
    assert health.ask(f"/syncs/{SYNC_ID}").body["sync"]["outcome"] == "succeeded"
    one = health.post(f"/syncs/{SYNC_ID}/transactions/{TRANSACTION_IDS[0]}/refresh")
    assert [item["status"] for item in one.body["transactions"]] == ["Completed"]
    assert health.ask(f"/companies/{COMPANY_ID}/configuration").body["configuration"]["bankAccount"]


@pytest.mark.parametrize(
    ("fault", "status"),
    [(Fault("status", status=503), 504), (Fault("status", status=401), 503), (Fault("status", status=429), 503)],
)
def test_what_codat_refuses_is_a_problem_that_says_so(
    health: Health, simulated: SimulatedCodat, fault: Fault, status: int
) -> None:
    """The response has a Retry-After if the time is known."""
    health.hears(simulated.sync(SYNC_ID))
    for _ in range(3):
        simulated.faults.add(fault)
    answer = health.post(f"/syncs/{SYNC_ID}/refresh")
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    assert ("retry-after" in answer.headers) == (status == 503)


_SENSELESS: list[tuple[str, dict[str, object]]] = [
    ("/syncs", {"from": "2026-11-02", "to": "2026-11-01"}),
    ("/syncs", {"from": "2016-01-01", "to": "2026-01-01"}),
    ("/syncs", {"from": "yesterday"}),
    ("/syncs", {"from": "0001-01-01"}),
    ("/syncs", {"to": "9999-12-31"}),
    ("/syncs", {"to": "0001-01-01"}),
    ("/totals", {"to": "0001-01-29"}),
    ("/syncs", {"cursor": "9999-99-99"}),
    ("/syncs", {"cursor": "9999", "sort": "failed"}),
    ("/syncs", {"limit": 0}),
    ("/syncs", {"limit": 1_000_000}),
    ("/syncs", {"limit": "many"}),
    ("/syncs", {"cursor": "made up"}),
    ("/syncs", {"cursor": "made up", "sort": "failed"}),
    ("/syncs", {"cursor": "²", "sort": "failed"}),
    ("/syncs", {"search": "a#b"}),
    ("/syncs", {"companyId": "../.."}),
    ("/syncs", {"sort": "colour"}),
    ("/syncs", {"outcome": "splendid"}),
    ("/syncs", {"code": "x"}),
    ("/totals", {"from": "2016-01-01"}),
    (f"/syncs/{SYNC_ID}/transactions", {"cursor": "x"}),
    (f"/syncs/{SYNC_ID}/transactions", {"cursor": "a.b.c@1"}),
    ("/syncs/.a", {}),
    ("/companies/a%23b", {}),
]


def test_what_makes_no_sense_is_refused_with_what_is_wrong(health: Health) -> None:
    """Respond with a problem document, never a server error."""
    for path, query in _SENSELESS:
        answer = health.ask(path, **query)
        assert (answer.status, answer.headers["content-type"]) == (400, "application/problem+json"), (path, query)
        assert answer.body["errors"][0]["detail"]


def test_every_list_is_exported_as_csv_and_no_cell_is_a_formula(health: Health) -> None:
    """A spreadsheet would evaluate it."""
    formulas = ['=HYPERLINK("https://evil.example")', "Bad; =cmd|'/c calc'!A1", "\n=1+1"]
    sync = health.knows(5130, [Item(f"t{n}", "PushError", "expense", text) for n, text in enumerate(formulas)])
    for path in ("/syncs", "/totals", "/causes", f"/syncs/{sync.sync_id}/transactions"):
        answer = health.ask(path, format="csv")
        assert (answer.status, answer.headers["content-type"]) == (200, "text/csv; charset=utf-8")
        assert "attachment" in answer.headers["content-disposition"]
        assert len(answer.text.splitlines()) > 1
        assert ",=" not in answer.text
    assert "\"'=HYPERLINK" in answer.text
    assert "; '=cmd" in answer.text
    assert "\n'=1+1" in answer.text


def test_a_plan_of_many_reads_each_sync_once_and_finds_the_one_to_retry(
    health: Health, simulated: SimulatedCodat, store: SyncRepository
) -> None:
    """One sync has a hundred failures without a body, and one more with a stored body."""
    rows = [Item(f"t{number:03}", "PushError", "expense", "busy") for number in range(101)]
    sync = health.knows(5130, rows)
    kept = Submission(
        submission_id="kept",
        company_id=COMPANY_ID,
        kind=Kind.EXPENSE,
        method="POST",
        transaction_ids=("t100",),
        idempotency_key=None,
        digest="",
        state=State.STORED,
        recorded_at=datetime.now(UTC),
    )
    SubmissionRepository(store.table).store(kept, [Body("t100", "{}")])
    with count_requests() as requests:
        found = health.ask(f"/syncs/{sync.sync_id}/plan").body
    assert (found["failed"], len(found["transactions"]), found["retriable"]) == (101, 101, 1)
    assert requests.total() < 101 * 3.5
    assert not simulated.submissions


def test_for_people_codat_is_asked_though_only_their_reserve_is_left(
    health: Health, simulated: SimulatedCodat, store: SyncRepository
) -> None:
    """The gate is closed for automatic requests then."""
    health.hears(simulated.sync(SYNC_ID))
    tomorrow = format_timestamp(datetime.now(UTC) + timedelta(days=1))
    quota = {"remaining": 10, "limit": 2000, "resetsAt": tomorrow, "asOf": format_timestamp(datetime.now(UTC))}
    store.table.update(GATE, quota, {})
    assert SharedGate(store.table, lambda: datetime.now(UTC)).state.closure_at(datetime.now(UTC))
    assert health.post(f"/syncs/{SYNC_ID}/refresh").status == 200


def test_throttling_by_aws_answers_503_with_retry_after(health: Health, monkeypatch: pytest.MonkeyPatch) -> None:
    """A throttled table is not a server error."""
    throttled = ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow down"}}, "Query")

    def fail(*_: object) -> None:
        raise throttled

    intercept_calls(monkeypatch, fail)
    answer = health.ask("/syncs")
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")


def test_the_openapi_document_describes_every_route(health: Health) -> None:
    """Include the retry function's route."""
    document = health.ask("/openapi.json").body
    assert "/api/v1/syncs/{syncId}/retry" in document["paths"]
    assert "HTTPValidationError" not in json.dumps(document)
    for operations in document["paths"].values():
        for operation in operations.values():
            assert {"200", "400", "401", "403", "404", "503"} <= set(operation["responses"])
            assert "HTTPValidationError" not in json.dumps(operation)


@pytest.mark.parametrize("groups", ["[]", "[view]", "[codat-sync/viewer]", None])
@pytest.mark.parametrize("path", [f"/syncs/{SYNC_ID}", "/openapi.json", "/no/such/path"])
def test_who_has_no_role_sees_nothing(start: StartFunction, groups: str | None, path: str) -> None:
    """Not even the OpenAPI document; a request without the authorizer's claims is rejected too."""
    handler, event = start("health"), load("health", "sync")
    event["rawPath"] = event["requestContext"]["http"]["path"] = f"/api/v1{path}"
    event["requestContext"]["authorizer"]["jwt"]["claims"]["cognito:groups"] = groups
    answer = handler(event)
    assert (answer["statusCode"], answer["headers"]["content-type"]) == (403, "application/problem+json")
    assert "codat-sync/view" in answer["body"]
    del event["requestContext"]["authorizer"]
    assert handler(event)["statusCode"] == 403


def test_unknown_outcomes_are_listed_page_by_page(health: Health, aws: Aws) -> None:
    """The oldest first, each page for one request."""
    table = Table(aws.dynamodb, "syncs")
    ids = [add_unknown_outcome(table, COMPANY_ID, f"t{hours}", hours=hours) for hours in (3, 5, 4)]
    with count_requests() as requests:
        first = health.ask("/unknown-outcomes", limit=2).body
    assert requests["Query byDay"] == 1
    second = health.ask("/unknown-outcomes", limit=2, cursor=first["nextCursor"]).body
    found = [*first["outcomes"], *second["outcomes"]]
    assert [each["submissionId"] for each in found] == [ids[1], ids[2], ids[0]]
    assert [each["transactionIds"] for each in found] == [["t5"], ["t4"], ["t3"]]
    assert (second["nextCursor"], found[0]["companyId"], found[0]["syncId"]) == (None, COMPANY_ID, None)
    for cursor in ("made up", "🍕" * 300, f"{first['nextCursor']}#"):
        assert health.ask("/unknown-outcomes", cursor=cursor).status == 400


@pytest.mark.parametrize("status", ["Unknown", None, "Skipped"])
@pytest.mark.parametrize("code", [2000, 2040])
def test_a_code_of_success_without_written_items_is_no_success(
    health: Health, start: StartFunction, store: SyncRepository, *, code: int, status: str | None
) -> None:
    """Not in lists, totals, details or the company's last success. It is polled, and ends with an operator."""
    sync = health.knows(code, [Item("t1"), Item("t2", status)])
    (row,) = health.ask("/syncs").body["syncs"]
    assert (row["outcome"], row["meaning"]) == ("unknown", explain(code, Outcome.UNKNOWN).meaning)
    assert health.ask("/totals").body["total"]["outcomes"] == {"unknown": 1}
    meaning = health.ask(f"/syncs/{sync.sync_id}").body["meaning"]
    assert (meaning["code"], meaning["actionOwner"]) == (code, "nobody")
    assert health.ask(f"/companies/{COMPANY_ID}").body["lastSuccessful"] is None
    record = store.load_sync(sync.sync_id)
    assert record
    assert record.pending_check
    assert record.pending_check.due_at
    start("retry")({"syncId": sync.sync_id})
    retry = RetryRepository(store.table).load(sync.sync_id)
    assert retry
    assert dict(retry.blocked) == {"outcomeUnknown": ("t2",)}
    assert health.ask(f"/syncs/{sync.sync_id}").body["meaning"]["actionOwner"] == "ourTeam"


@pytest.mark.parametrize(
    "sync_utc", ["0001-01-01T00:00:00", "9999-12-31T23:59:59.9999999Z", "1970-01-01", "soon", None]
)
def test_a_failed_sync_with_an_implausible_time_is_listed_by_when_it_was_first_seen(
    health: Health, simulated: SimulatedCodat, sync_utc: str | None
) -> None:
    """In the history, the totals (which the chart shows) and the causes."""
    items = [Item("t", "PushError", message="It is archived.")]
    sync = simulated.add_sync(simulated.company(COMPANY_ID), 5130, items, sync_utc=sync_utc)
    health.hears(sync)
    (row,) = health.ask("/syncs").body["syncs"]
    assert (row["syncId"], row["syncedAt"], row["at"]) == (sync.sync_id, None, row["firstSeenAt"])
    assert health.ask("/totals").body["total"]["outcomes"]["failed"] == 1
    assert health.ask("/causes").body["syncs"] == 1
