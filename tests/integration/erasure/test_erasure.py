"""Erase a company: only its tombstone is left, and no late writer restores anything."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast
from uuid import NAMESPACE_URL, uuid5

import pytest

from codat_sync.audit.repository import AuditRepository
from codat_sync.aws.dynamodb import Table
from codat_sync.aws.table_schema import get_item_type, index_entry_key, part_key, retry_key, sync_key
from codat_sync.companies.tombstones import TombstoneRepository
from codat_sync.core.errors import ConditionFailedError, TooEarlyError
from codat_sync.dead_letters.dead_letter import DeadLetter, DropDecision
from codat_sync.dead_letters.queue import DeadLetterQueueClient, DroppedLetterRepository
from codat_sync.erasure.company_items import CompanyItems
from codat_sync.erasure.service import BLOCK_LIFTABLE_AFTER, WRITERS_FINISH_WITHIN, ErasureService
from codat_sync.idempotency.repository import IdempotencyRecord, IdempotencyRepository
from codat_sync.reconciliation.repository import ReconciliationRepository
from codat_sync.search.kinds import SearchKind
from dev.codat_simulator.books.models import Item
from dev.codat_simulator.books.sample_data import generate_items
from dev.codat_simulator.books.settling import Outcome as Settled
from dev.codat_simulator.books.settling import Verdict
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID, SYNC_ID, load
from tests.support.aws import Aws
from tests.support.clock import ManualClock
from tests.support.handlers import StartFunction
from tests.support.sqs_batches import batch, failed, message, of
from tests.support.submit_requests import ask, expense
from tests.support.tables.table_stream import Stream

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Items = dict[tuple[str, str], dict[str, Any]]

_OTHER_ID = "11111111-6988-11ed-a1eb-0242ac120002"
_SUBMITTED = "4d7c6929-7770-412b-91bb-44d3bc71d555"
_BY = "arn:aws:iam::123456789012:user/operator"
_NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
_INDEXES = ("byCompany", "byDay", "byDue", "byReconcile")
# Every kind of item that there is of a company. Who adds one has it made here.
_METRIC_PREFIXES = {
    "AUDIT/ENTRY",
    "BULK/BULK",
    "BULK/BULKSYNC",
    "COMPANY/ACCEPTED",
    "COMPANY/COMPANY",
    "COMPANY/CONFIG",
    "COMPANY/EVENT",
    "COMPANY/LATEST",
    "COMPANY/RECONCILIATION",
    "DROPPED/DROPPED",
    *(f"FIND/{kind.value}" for kind in SearchKind),
    "LIMIT/SLOTS",
    "SUB/SUB",
    "SYNC/CONFIG",
    "SYNC/EVENT",
    "SYNC/ITEMS",
    "SYNC/RETRY",
    "SYNC/PARTRUN",
    "SYNC/SYNC",
    "TXN/BODY",
    "TXN/CLAIM",
    "TXN/SYNC",
}
_OF_NO_COMPANY = {"GATE/GATE", "LIMIT/MINUTE"}


class _Application:
    """The functions, and two companies of which they know all that there can be."""

    def __init__(self, start: StartFunction, simulated: SimulatedCodat, aws: Aws) -> None:
        self.worker, self.submit, self.retry = start("worker"), start("submit"), start("retry")
        self.simulated = simulated
        self.aws = aws
        simulated.add_company(company_id=_OTHER_ID)
        simulated.add_sync(simulated.company(_OTHER_ID), 5130, [Item("transaction-of-it", "PushError", "expense")])
        for company_id in (COMPANY_ID, _OTHER_ID):
            self._fill(company_id)
        start("index")({"Records": Stream(aws, "IndexFunction").records()})

    def _fill(self, company_id: str) -> None:
        company = self.simulated.company(company_id)
        large = self.simulated.add_sync(company, 2000, generate_items(40, edge_cases=False))
        for sync in [each for each in self.simulated.syncs if each.company_id == company_id]:
            assert failed(self.worker(batch(of(self.simulated, sync, f"msg_{sync.sync_id}")))) == []
        # The index entry of a removed transaction stays: no document refers to it.
        self.simulated.change_sync(large.sync_id, items=large.items[:30])
        self.worker(batch(of(self.simulated, large, f"msg_{company_id}_2"), self.connection_event(company_id)))
        made = ask(self.submit, "POST", self.path(company_id), [_named_expense()]).body["syncId"]
        self.simulated.settle(made, Settled(otherwise=Verdict("PushError", "busy")))
        self.worker(batch(of(self.simulated, self.simulated.sync(made), f"msg_{made}")))
        assert ask(self.submit, "PUT", self.recorded(company_id), expense(_kept(company_id))).status == 204
        assert self.retry({"syncId": made})["retrySyncIds"]
        assert self.start_bulk_retry(company_id)
        for known_id in (company_id, None):
            self.drop(company_id, known_id)
        ReconciliationRepository(Table(self.aws.dynamodb, "syncs")).put_agreed(company_id, {made: "as it is"})
        for queue in ("SYNC_DEAD_LETTER_QUEUE", "RETRY_DEAD_LETTER_QUEUE"):
            self.aws.sqs.send_message(
                QueueUrl=self.aws.environment[f"{queue}_URL"],
                MessageBody=json.dumps(message({"companyId": company_id}, companyId=None, syncId=None)),
            )

    def start_bulk_retry(self, company_id: str) -> str:
        """Start a bulk retry of all that failed at a company; returns its id."""
        today = datetime.now(UTC).date()
        period = {"first": (today - timedelta(days=2)).isoformat(), "last": today.isoformat()}
        chosen: dict[str, object] = {"companyId": company_id, "codes": [], "causeId": None, **period}
        started = {"kind": "startBulkRetry", "bulkRetryId": f"bulk-{company_id}", "by": _BY, "at": _NOW.isoformat()}
        return str(self.retry(started | chosen)["bulkRetryId"])

    def drop(self, company_id: str, known_id: str | None) -> None:
        """Drop a dead letter that mentions a company, whether or not it can be parsed."""
        name = str(uuid5(NAMESPACE_URL, f"{company_id} {known_id}"))
        letter = DeadLetter("sync", name, "r", "d", _NOW, None, known_id, None, f"of {company_id}", "")
        DroppedLetterRepository(Table(self.aws.dynamodb, "syncs")).put(letter, DropDecision("why", _BY, _NOW))

    def path(self, company_id: str) -> str:
        return f"/companies/{company_id}/sync/expenses/expense-transactions"

    def recorded(self, company_id: str) -> str:
        return f"/recorded/{company_id}/expense-transactions/{_kept(company_id)}"

    def connection_event(self, company_id: str) -> dict[str, Any]:
        event = {
            "id": "event",
            "eventType": "connection.disconnected",
            "payload": {"referenceCompany": {"id": company_id, "name": "x"}},
        }
        return message(event, f"msg_connection_{company_id}", companyId=company_id, syncId=None)

    def items(self) -> Items:
        """Return all that the table has, as DynamoDB writes it."""
        pages = self.aws.dynamodb.get_paginator("scan").paginate(TableName="syncs", ConsistentRead=True)
        return {(item["pk"]["S"], item["sk"]["S"]): cast("dict[str, Any]", item) for p in pages for item in p["Items"]}

    def index_entries(self) -> list[Any]:
        return [
            item for index in _INDEXES for item in self.aws.dynamodb.scan(TableName="syncs", IndexName=index)["Items"]
        ]

    def names(self, company_id: str) -> set[str]:
        """Return all ids that say that something is of a company."""
        syncs = [sync for sync in self.simulated.syncs if sync.company_id == company_id]
        transactions = {item.transaction_id for sync in syncs for item in sync.items if item.transaction_id}
        return {company_id, _kept(company_id), *(sync.sync_id for sync in syncs), *transactions}

    def of(self, company_id: str) -> Items:
        """Return what mentions a company, or what is its own; without what the audit says about its erasure."""
        names, items = self.names(company_id), self.items()
        kept = {key: item for key, item in items.items() if "erasedCompanyId" not in item}
        return {key: item for key, item in kept.items() if any(name in json.dumps(item) for name in names)}

    def erasures(self) -> list[dict[str, Any]]:
        """Return what the audit says about erasures."""
        return [item for item in self.items().values() if "erasedCompanyId" in item]


def _named_expense() -> dict[str, Any]:
    """Return an expense that is found by everything that one can be found by."""
    return expense(merchantName="Hotel", reference="INV-1")


def _kept(company_id: str) -> str:
    """Return the transaction of a company's whose body is only kept."""
    return str(uuid5(NAMESPACE_URL, company_id))


@pytest.fixture
def application(
    start: StartFunction, simulated: SimulatedCodat, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> _Application:
    """Return it; a handful of transactions is large in it."""
    monkeypatch.setattr("codat_sync.syncs.record.INLINE_BYTES", 2_000)
    monkeypatch.setattr("codat_sync.syncs.record.PART_BYTES", 1_500)
    return _Application(start, simulated, aws)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def _forgetting(aws: Aws, clock: ManualClock) -> ErasureService:
    urls = (aws.environment[f"{name}_DEAD_LETTER_QUEUE_URL"] for name in ("SYNC", "RETRY"))
    letters = [DeadLetterQueueClient(aws.sqs, "one", url=url, source_url=None) for url in urls]
    return _forgetting_items(aws.dynamodb, clock, letters)


def _forgetting_items(
    client: "DynamoDBClient", clock: ManualClock, letters: Sequence[DeadLetterQueueClient] = ()
) -> ErasureService:
    table = Table(client, "syncs")
    wait = lambda seconds: clock.pass_by(timedelta(seconds=seconds))  # noqa: E731
    audit = AuditRepository(table)
    return ErasureService(TombstoneRepository(table), CompanyItems(table), letters, audit, _BY, clock.now, sleep=wait)


def _kinds(items: Items) -> set[str]:
    return {get_item_type({"pk": pk, "sk": sk}) for pk, sk in items}


def test_nothing_is_left_but_the_tombstone(application: _Application, aws: Aws, clock: ManualClock) -> None:
    """No item and no entry of an index mentions it; what is another company's is as it was."""
    before, of_company, of_other = application.items(), application.of(COMPANY_ID), application.of(_OTHER_ID)
    assert _kinds(before) == _METRIC_PREFIXES | _OF_NO_COMPANY
    assert _kinds(of_company) == _METRIC_PREFIXES
    names = application.names(COMPANY_ID)
    counted: Counter[str] = sum(CompanyItems(Table(aws.dynamodb, "syncs")).count(COMPANY_ID), Counter())
    done = _forgetting(aws, clock).erase(COMPANY_ID, "ticket 7")
    left = application.items()
    ((key, stone),) = application.of(COMPANY_ID).items()
    assert key == (f"COMPANY#{COMPANY_ID}", "COMPANY")
    assert {
        name: next(iter(value.values())) for name, value in stone.items() if name not in {"pk", "sk", "writeId"}
    } == {
        "v": "1",
        "version": stone["version"]["N"],
        "companyId": COMPANY_ID,
        "erasureRequestedAt": "2026-01-05T10:00:00.000Z",
        "erasureRequestedBy": _BY,
        "erasureReason": "ticket 7",
        "erasureStartedAt": "2026-01-05T10:30:00.000Z",
        "erasedAt": "2026-01-05T10:30:00.000Z",
    }
    assert not [entry for entry in application.index_entries() if any(name in json.dumps(entry) for name in names)]
    assert application.of(_OTHER_ID) == of_other
    assert set(before) - set(left) == set(of_company) - {key}
    (entry,) = application.erasures()
    assert (entry["action"], entry["actor"], entry["erasedCompanyId"]) == (
        {"S": "erase"},
        {"S": _BY},
        {"S": COMPANY_ID},
    )
    assert entry["details"]["M"] == {"deadLetters": {"S": "2"}, "items": {"S": str(done.items.total())}}
    assert done.items.total() == len(set(before) - set(left))
    assert done.items == counted
    assert done.dead_letters == 2
    for queue in ("SYNC_DEAD_LETTER_QUEUE", "RETRY_DEAD_LETTER_QUEUE"):
        (letter,) = aws.messages(queue)
        assert json.loads(letter["Body"])["raw"] == message({"companyId": _OTHER_ID})["raw"]


def test_stored_responses_are_erased_with_any_company(aws: Aws, clock: ManualClock) -> None:
    """They name no company, and may quote what customers wrote."""
    repository = IdempotencyRepository(Table(aws.dynamodb, "syncs"))
    record = IdempotencyRecord("digest", 1, 2)
    assert repository.begin("id", record, None)
    repository.finish("id", record, {"statusCode": 200, "headers": {}, "body": COMPANY_ID})
    assert repository.load("id")
    _forgetting(aws, clock).erase(COMPANY_ID, "ticket 7")
    assert repository.load("id") is None


def test_requests_of_others_do_not_keep_an_erasure_from_finishing(
    aws: Aws, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While their API clients send an Idempotency-Key, every pass finds a record of it."""
    repository, scan, passes = IdempotencyRepository(Table(aws.dynamodb, "syncs")), Table.scan, list[str]()

    def scan_busy_table(table: Table, names: Sequence[str]) -> Iterator[list[dict[str, Any]]]:
        passes.append(f"request-{len(passes)}")
        assert repository.begin(passes[-1], IdempotencyRecord("digest", 1, 2), None)
        return scan(table, names)

    Table(aws.dynamodb, "syncs").put_all([sync_key("mine") | {"companyId": COMPANY_ID}])
    monkeypatch.setattr(Table, "scan", scan_busy_table)
    assert _forgetting_items(aws.dynamodb, clock).erase(COMPANY_ID, "ticket 7").tombstone.erased_at
    assert (len(passes), list(map(repository.load, passes))) == (2, [None, None])


def test_an_index_entry_to_another_companys_sync_does_not_delete_it(aws: Aws, clock: ManualClock) -> None:
    """Codat's ids are unique; what says otherwise is not believed."""
    table = Table(aws.dynamodb, "syncs")
    others = [sync_key("s") | {"companyId": _OTHER_ID}, part_key("s", "run", 0), retry_key("s")]
    table.put_all([*others, index_entry_key(COMPANY_ID, "t", "s"), sync_key("mine") | {"companyId": COMPANY_ID}])
    assert _forgetting_items(aws.dynamodb, clock).erase(COMPANY_ID, "ticket 7").items.total() == 2
    assert len(table.get([sync_key("s"), part_key("s", "run", 0), retry_key("s")])) == 3


def test_late_writers_restore_nothing(application: _Application, aws: Aws, clock: ManualClock) -> None:
    """Whatever comes: events of before and new ones, checks, connections, retries, and what the product asks for."""
    simulated = application.simulated
    new = simulated.add_sync(simulated.company(COMPANY_ID), 5130, [Item("new", "PushError", "expense")])
    submitted = [each for each in simulated.syncs if each.company_id == COMPANY_ID][2].sync_id
    _forgetting(aws, clock).erase(COMPANY_ID, "ticket 7")
    before, asked, sent = application.items(), len(simulated.requests.entries), len(simulated.submissions)
    check = {"v": 1, "kind": "check", "companyId": COMPANY_ID, "partRunId": None, "correlationId": "c"}
    letters = batch(
        of(simulated, simulated.sync(SYNC_ID), f"msg_{SYNC_ID}"),
        of(simulated, simulated.sync(SYNC_ID), "msg_replayed"),
        of(simulated, new, "msg_new"),
        application.connection_event(COMPANY_ID),
        check | {"syncId": SYNC_ID, "version": 1},
        check | {"syncId": new.sync_id, "version": 0},
        check | {"syncId": None, "version": 1},
        check | {"syncId": SYNC_ID, "version": 1, "run": "a"},
    )
    assert failed(application.worker(letters)) == []
    due = load("retry", "due")
    due["Records"][0]["body"] = json.dumps(check | {"kind": "retry", "syncId": submitted})
    assert failed(application.retry(due)) == []
    application.start_bulk_retry(COMPANY_ID)
    due["Records"][0]["body"] = json.dumps(
        {"v": 1, "kind": "bulkRetry", "companyId": COMPANY_ID, "bulkRetryId": f"bulk-{COMPANY_ID}"}
        | {"syncId": submitted, "correlationId": "c"}
    )
    assert failed(application.retry(due)) == []
    asked_for = load("retry", "asked")
    asked_for["pathParameters"]["syncId"] = submitted
    assert application.retry(asked_for)["statusCode"] == 404
    for method, path, body in (
        ("POST", application.path(COMPANY_ID), [expense()]),
        ("POST", application.path(COMPANY_ID.upper()), [expense()]),
        ("PUT", f"{application.path(COMPANY_ID)}/{_SUBMITTED}", expense(_SUBMITTED)),
        ("PUT", application.recorded(COMPANY_ID), expense(_kept(COMPANY_ID))),
        ("GET", f"/companies/{COMPANY_ID}/connections", None),
        ("GET", f"/companies/{COMPANY_ID.upper()}", None),
    ):
        answer = ask(application.submit, method, path, body)
        assert (answer.status, answer.body["statusCode"], answer.body["canBeRetried"]) == (410, 410, "False"), path
        assert answer.body["error"] == f"company {COMPANY_ID} was erased on request. Nothing was sent."
    assert application.items() == before
    application.drop(COMPANY_ID, COMPANY_ID)
    assert list(application.of(COMPANY_ID)) == [(f"COMPANY#{COMPANY_ID}", "COMPANY")]
    assert (len(simulated.requests.entries), len(simulated.submissions)) == (asked, sent)
    assert ask(application.submit, "POST", application.path(_OTHER_ID), [expense()]).status == 200


def test_a_live_lookup_does_not_query_an_erased_company(
    application: _Application, start: StartFunction, aws: Aws, clock: ManualClock
) -> None:
    """Who is asking Codat about a company stands in the table, by its id: so Codat is not asked about this one."""
    _forgetting(aws, clock).erase(COMPANY_ID, "ticket 7")
    asked = len(application.simulated.requests.entries)
    for company_id, status in ((COMPANY_ID, 404), (COMPANY_ID.upper(), 404), (_OTHER_ID, 200)):
        event = load("health", "sync")
        event["rawPath"] = event["requestContext"]["http"]["path"] = f"/api/v1/companies/{company_id}/configuration"
        assert start("health")(event)["statusCode"] == status
    assert list(application.of(COMPANY_ID)) == [(f"COMPANY#{COMPANY_ID}", "COMPANY")]
    assert len(application.simulated.requests.entries) == asked + 1


def test_retry_writes_nothing_after_the_tombstone(application: _Application, aws: Aws, clock: ManualClock) -> None:
    """Though the sync is still there: it may be deleted at any moment."""
    application.retry({"syncId": SYNC_ID})  # It comes to rest: nobody has recorded a body.
    _forgetting(aws, clock).tombstones.put(COMPANY_ID, _BY, "ticket 7", clock.now())
    before = application.of(COMPANY_ID)
    assert application.retry({"syncId": SYNC_ID}) is None
    assert application.of(COMPANY_ID) == before


def test_reconcile_leaves_it_alone(
    application: _Application, start: StartFunction, aws: Aws, clock: ManualClock
) -> None:
    """From the tombstone on it is not compared, and though Codat lists it, it is not discovered."""
    reconcile = start("reconcile")
    minutes = load("reconcile", "each-five-minutes") | {"remaining_ms": 290_000}
    erasure_service = _forgetting(aws, clock)
    erasure_service.tombstones.put(COMPANY_ID, _BY, "ticket 7", clock.now())
    before = application.of(COMPANY_ID)
    assert reconcile(dict(minutes))["compared"] == 1
    assert application.of(COMPANY_ID) == before
    erasure_service.erase(COMPANY_ID, "ticket 7")
    aws.dynamodb.delete_item(TableName="syncs", Key={"pk": {"S": "RECONCILE"}, "sk": {"S": "DIRECTORY"}})
    reconcile(dict(minutes))
    assert ("RECONCILE", "DIRECTORY") in application.items()
    assert list(application.of(COMPANY_ID)) == [(f"COMPANY#{COMPANY_ID}", "COMPANY")]
    asked = [entry.path for entry in application.simulated.requests.matching("list/status$")]
    assert asked
    assert not any(COMPANY_ID in path for path in asked)


class _Ends(Exception):  # noqa: N818 - it is no error, but the end
    """The process ends."""


class _Ending:
    """A client of DynamoDB whose process ends right after one of its requests."""

    def __init__(self, client: "DynamoDBClient", after: int) -> None:
        self._client = client
        self._left = after

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any method of the client
        made = getattr(self._client, name)
        if name not in {"update_item", "put_item", "batch_write_item"}:
            return made

        def call(**arguments: Any) -> Any:  # noqa: ANN401 - the client's own
            answer = made(**arguments)
            self._left -= 1
            if self._left == 0:
                raise _Ends
            return answer

        return call


def _ending(aws: Aws, after: int) -> "DynamoDBClient":
    return cast("DynamoDBClient", _Ending(aws.dynamodb, after))


def test_wherever_it_ends_the_same_command_goes_on(application: _Application, aws: Aws, clock: ManualClock) -> None:
    """After each of its writes."""
    before, of_other = application.items(), application.of(_OTHER_ID)
    ends = 0
    while True:
        for item in before.values():
            aws.dynamodb.put_item(TableName="syncs", Item=item)
        ends += 1
        try:
            _forgetting_items(_ending(aws, ends), clock).erase(COMPANY_ID, "ticket 7")
        except _Ends:
            assert TombstoneRepository(Table(aws.dynamodb, "syncs")).load(COMPANY_ID)
            _forgetting_items(aws.dynamodb, clock).erase(COMPANY_ID, "another try")
        else:
            break
        ((_, stone),) = application.of(COMPANY_ID).items()
        assert stone["erasureReason"] == {"S": "ticket 7"}
        assert application.of(_OTHER_ID) == of_other
    assert ends > 6


def test_an_unknown_company_can_be_erased(
    start: StartFunction, simulated: SimulatedCodat, aws: Aws, clock: ManualClock
) -> None:
    """And a second time: both leave a tombstone."""
    for _ in range(2):
        assert _forgetting(aws, clock).erase(COMPANY_ID, "ticket 8").items == Counter()
    assert failed(start("worker")(batch(of(simulated, simulated.sync(SYNC_ID))))) == []
    items = aws.dynamodb.scan(TableName="syncs")["Items"]
    assert [item["pk"]["S"] for item in items if "erasedCompanyId" not in item] == [f"COMPANY#{COMPANY_ID}"]


def test_a_company_is_known_again_after_a_day(application: _Application, aws: Aws, clock: ManualClock) -> None:
    """By a command, with a reason that is kept; and then it is taken in as a new one."""
    erasure_service = _forgetting(aws, clock)
    assert not erasure_service.lift_block(COMPANY_ID, "a mistake")
    erasure_service.erase(COMPANY_ID, "ticket 7")
    clock.pass_by(BLOCK_LIFTABLE_AFTER - timedelta(seconds=1))
    with pytest.raises(TooEarlyError):
        erasure_service.lift_block(COMPANY_ID, "too soon")
    clock.pass_by(timedelta(seconds=1))
    assert erasure_service.lift_block(COMPANY_ID, "a mistake")
    record = application.items()[f"COMPANY#{COMPANY_ID}", "COMPANY"]
    assert record["blockLiftReason"] == {"S": "a mistake"}
    assert not any(name.startswith(("forgotten", "eras")) for name in record)
    sync = application.simulated.sync(SYNC_ID)
    application.worker(batch(of(application.simulated, sync, f"msg_{SYNC_ID}")))
    assert application.items()[f"COMPANY#{COMPANY_ID}", "COMPANY"]["name"] == {"S": "Bäckerei Toft"}
    assert (f"SYNC#{SYNC_ID}", "SYNC") in application.items()
    assert ask(application.submit, "POST", application.path(COMPANY_ID), [expense()]).status == 200


def test_lifting_the_block_before_the_deletion_restores_everything(
    application: _Application, aws: Aws, clock: ManualClock
) -> None:
    """Who has named the wrong company says so while it is waited for writers: nothing is deleted then."""
    before = application.of(COMPANY_ID)
    erasure_service = _forgetting(aws, clock)

    def regret(seconds: float) -> None:
        assert timedelta(seconds=seconds) == WRITERS_FINISH_WITHIN
        assert erasure_service.lift_block(COMPANY_ID, "the wrong one")

    hasty = replace(erasure_service, dead_letters=[], sleep=regret)
    with pytest.raises(ConditionFailedError):
        hasty.erase(COMPANY_ID, "ticket 7")
    after = application.of(COMPANY_ID)
    record = (f"COMPANY#{COMPANY_ID}", "COMPANY")
    assert {key: item for key, item in after.items() if key != record} == {
        key: item for key, item in before.items() if key != record
    }
    assert after[record]["name"] == before[record]["name"]
    assert ask(application.submit, "POST", application.path(COMPANY_ID), [expense()]).status == 200


def test_the_erasure_block_cannot_be_lifted_during_the_deletion(
    application: _Application, aws: Aws, clock: ManualClock
) -> None:
    """Half of a company is none."""
    with pytest.raises(_Ends):
        _forgetting_items(_ending(aws, 3), clock).erase(COMPANY_ID, "ticket 7")
    with pytest.raises(TooEarlyError):
        _forgetting(aws, clock).lift_block(COMPANY_ID, "a mistake")
    assert application.of(_OTHER_ID)
