"""The table under races, crashes and a DynamoDB that does not do all at once."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import httpx
import pytest

from codat_sync.aws.dynamodb import Table
from codat_sync.codat.client import CodatClient
from codat_sync.codat.http import CodatHttpClient
from codat_sync.core.errors import UnprocessedItemsError, VersionConflictError
from codat_sync.ingestion.results import Change, SyncResult
from codat_sync.ingestion.sync_ingestion import SyncIngestion
from codat_sync.ingestion.tasks import SyncTask
from codat_sync.polling.schedule import Schedule
from codat_sync.rate_limits.gate import SharedGate
from codat_sync.rate_limits.process_limiter import ProcessLimiter
from codat_sync.syncs.repository import PART_GRACE, SyncRepository, SyncSnapshot
from codat_sync.webhooks.events import WebhookEvent
from dev.codat_simulator.books.models import Item
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import COMPANY_ID, SYNC_ID, TRANSACTION_IDS
from tests.support.aws import API_KEY, Aws

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_LARGE = tuple(Item(f"t{n}", "PushError", "expense", "no such account; " * 200) for n in range(200))
Respond = Callable[[httpx.Request], httpx.Response]


def _ingest(respond: Respond, store: SyncRepository, webhook_id: str = "msg_1") -> SyncResult:
    """Take the sync in as a worker does, with Codat answering as ``respond``."""
    event = WebhookEvent(webhook_id, "expenses.sync.successful", None, None, "request-1")
    task = SyncTask(COMPANY_ID, SYNC_ID, event, None, event.correlation_id)
    with httpx.Client(base_url="http://codat.test", transport=httpx.MockTransport(respond)) as http:
        gate = SharedGate(store.table, _now)
        pace = ProcessLimiter(at_once=8, per_minute=1_000_000)
        codat = CodatClient(CodatHttpClient(http, lambda: API_KEY, pace, gate, _now))
        return SyncIngestion(codat, store, Schedule(), _now).ingest([task], receive_count=1)


def _now() -> datetime:
    return datetime.now(UTC)


def _statuses(store: SyncRepository) -> list[str | None]:
    document = store.load_sync(SYNC_ID)
    assert document
    return [item.status for item in document.items]


class Rival:
    """Codat, asked by us; once it has answered, another worker takes in what is new since, ``wins`` times."""

    def __init__(self, simulated: SimulatedCodat, store: SyncRepository, answer: tuple[Item, ...], wins: int) -> None:
        self._simulated = simulated
        self._store = store
        self._answer = answer
        self._wins = wins

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer with what is old by the time that we commit it."""
        if not (request.url.path.endswith("/transactions") and self._wins):
            return self._simulated.handle(request)
        self._wins -= 1
        self._simulated.change_sync(SYNC_ID, code=5130, items=self._answer)
        answer = self._simulated.handle(request)
        self._simulated.change_sync(SYNC_ID, code=2000, items=(Item("t", message=f"change {self._wins}"),))
        _ingest(self._simulated.handle, self._store, f"msg_rival_{self._wins}")
        return answer


@pytest.mark.parametrize("answer", [(Item("t", "Pending"),), _LARGE])
def test_no_older_answer_stands_over_a_younger_one(
    aws: Aws, store: SyncRepository, simulated: SimulatedCodat, answer: tuple[Item, ...]
) -> None:
    """Who lost the race starts over, and finds what the winner found; parts that nobody points to will go."""
    assert _ingest(Rival(simulated, store, answer, wins=1), store).change is Change.UNCHANGED
    assert _statuses(store) == ["Completed"]
    assert sorted(store.load_processed_event_ids(SYNC_ID)) == ["msg_1", "msg_rival_0"]
    assert bool(_parts(aws)) is (answer is _LARGE)
    assert _swept(aws, store) == (answer is _LARGE)
    assert _parts(aws) == []


def _parts(aws: Aws) -> list[dict[str, Any]]:
    return [key for key in _keys(aws) if key["sk"]["S"].startswith("ITEMS#")]


def _swept(aws: Aws, store: SyncRepository) -> int:
    """Sweep every run as the worker does a day later; returns of how many the parts were deleted."""
    runs = [key["sk"]["S"] for key in _keys(aws) if key["sk"]["S"].startswith("PARTRUN#")]
    return sum(
        store.delete_unreferenced_parts(SYNC_ID, run.removeprefix("PARTRUN#"), _now() + PART_GRACE) for run in runs
    )


def test_parts_that_are_swept_while_they_are_replaced_go_all_the_same(
    aws: Aws, store: SyncRepository, simulated: SimulatedCodat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sweep, due since they were written, between the two steps of who replaces them: it leaves them to the next."""
    simulated.change_sync(SYNC_ID, items=_LARGE)
    _ingest(simulated.handle, store)
    (run,) = (key["sk"]["S"].removeprefix("PARTRUN#") for key in _keys(aws) if key["sk"]["S"].startswith("PARTRUN#"))
    put = store._put_record  # noqa: SLF001 - the last step

    def put_after_sweep(values: dict[str, Any], snapshot: SyncSnapshot, retries: Any) -> None:  # noqa: ANN401 - handed on
        assert store.delete_unreferenced_parts(SYNC_ID, run, _now()) is False
        put(values, snapshot, retries)

    monkeypatch.setattr(store, "_put_record", put_after_sweep)
    simulated.change_sync(SYNC_ID, items=(Item("t"),))
    _ingest(simulated.handle, store, "msg_2")
    assert _swept(aws, store) == 1
    assert _parts(aws) == []


def test_who_loses_every_race_leaves_it_to_the_queue(store: SyncRepository, simulated: SimulatedCodat) -> None:
    """The event is not marked as seen, so it is processed again."""
    with pytest.raises(VersionConflictError):
        _ingest(Rival(simulated, store, (Item("t", "Pending"),), wins=9), store)
    assert "msg_1" not in store.load_processed_event_ids(SYNC_ID)
    assert _ingest(simulated.handle, store).change is Change.UNCHANGED


@pytest.mark.parametrize("step", ["put_index_entries", "commit", "record_events"])
@pytest.mark.parametrize("before", [True, False])
def test_the_next_attempt_repairs_a_crash_at_any_step(
    store: SyncRepository, simulated: SimulatedCodat, monkeypatch: pytest.MonkeyPatch, step: str, *, before: bool
) -> None:
    """Whatever was written already is found again, or written again to the same effect."""
    real = getattr(store, step)

    def crash(*arguments: object) -> None:
        if not before:
            real(*arguments)
        raise RuntimeError

    with monkeypatch.context() as crashing:
        crashing.setattr(store, step, crash)
        with pytest.raises(RuntimeError):
            _ingest(simulated.handle, store)
    _ingest(simulated.handle, store)
    assert _statuses(store) == ["Completed", "PushError"]
    assert store.load_processed_event_ids(SYNC_ID) == ["msg_1"]
    assert [store.load_sync_ids_of_transaction(COMPANY_ID, t) for t in TRANSACTION_IDS] == [[SYNC_ID], [SYNC_ID]]


def test_attributes_of_another_version_are_kept(aws: Aws, store: SyncRepository, simulated: SimulatedCodat) -> None:
    """On the document and in its summary: who deploys back and forth loses nothing."""
    _ingest(simulated.handle, store)
    key = {"pk": {"S": f"SYNC#{SYNC_ID}"}, "sk": {"S": "SYNC"}}
    aws.dynamodb.update_item(
        TableName="syncs",
        Key=key,
        UpdateExpression="SET retryOf = :new, summary.colour = :new",
        ExpressionAttributeValues={":new": {"S": "x"}},
    )
    simulated.change_sync(SYNC_ID, code=2000)
    assert _ingest(simulated.handle, store, "msg_2").change is Change.COMMITTED
    item = aws.dynamodb.get_item(TableName="syncs", Key=key)["Item"]
    assert (item["retryOf"], item["summary"]["M"]["colour"]) == ({"S": "x"}, {"S": "x"})
    assert (item["version"], item["code"]) == ({"N": "2"}, {"N": "2000"})


class Reluctant:
    """DynamoDB, which does one item of a batch at a time, as it may whenever it is busy."""

    def __init__(self, client: "DynamoDBClient", *, stubborn: bool) -> None:
        self._client = client
        self._stubborn = stubborn

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any method of the client
        return getattr(self._client, name)

    def batch_write_item(self, *, RequestItems: dict[str, list[Any]]) -> Any:  # noqa: ANN401, N803 - as boto3 has it
        ((table, requests),) = RequestItems.items()
        rest = requests if self._stubborn else requests[1:]
        if not self._stubborn:
            self._client.batch_write_item(RequestItems={table: requests[:1]})
        return {"UnprocessedItems": {table: rest} if rest else {}}

    def batch_get_item(self, *, RequestItems: dict[str, Any]) -> Any:  # noqa: ANN401, N803 - as boto3 has it
        ((table, request),) = RequestItems.items()
        first, rest = request["Keys"][:1], request["Keys"][1:]
        answer = self._client.batch_get_item(RequestItems={table: request | {"Keys": first}})
        return answer | {"UnprocessedKeys": {table: request | {"Keys": rest}} if rest else {}}


def _reluctant(aws: Aws, *, stubborn: bool = False) -> SyncRepository:
    client = cast("DynamoDBClient", Reluctant(aws.dynamodb, stubborn=stubborn))
    return SyncRepository(Table(client, "syncs"), event_retention=timedelta(days=16))


def test_what_dynamodb_left_out_is_asked_for_again(aws: Aws, store: SyncRepository, simulated: SimulatedCodat) -> None:
    """Reads and writes, until all of it is done."""
    _ingest(simulated.handle, _reluctant(aws))
    _ingest(simulated.handle, _reluctant(aws), "msg_2")
    assert _statuses(store) == ["Completed", "PushError"]
    assert [store.load_sync_ids_of_transaction(COMPANY_ID, t) for t in TRANSACTION_IDS] == [[SYNC_ID], [SYNC_ID]]


def test_if_it_never_does_nothing_is_committed(
    aws: Aws, store: SyncRepository, simulated: SimulatedCodat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pointers come before the document."""
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)
    with pytest.raises(UnprocessedItemsError):
        _ingest(simulated.handle, _reluctant(aws, stubborn=True))
    assert store.load_sync(SYNC_ID) is None


def test_a_reader_whose_parts_are_gone_reads_again(
    aws: Aws, store: SyncRepository, simulated: SimulatedCodat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It never sees half of a sync: either all of the next document, or an error."""
    simulated.change_sync(SYNC_ID, items=_LARGE)
    _ingest(simulated.handle, store)
    (part, *_) = (key for key in _keys(aws) if key["sk"]["S"].startswith("ITEMS#"))
    aws.dynamodb.delete_item(TableName="syncs", Key=part)
    with pytest.raises(UnprocessedItemsError):
        store.load_sync(SYNC_ID)
    simulated.change_sync(SYNC_ID, items=(Item("t"),))
    reader = SyncRepository(Table(aws.dynamodb, "syncs"), event_retention=timedelta(days=16))

    def replaced_meanwhile(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
        if document["version"] == 1:
            _ingest(simulated.handle, store, "msg_2")
        return store._items(document)  # noqa: SLF001 - between the reader's two reads

    monkeypatch.setattr(reader, "_items", replaced_meanwhile)
    assert _statuses(reader) == ["Completed"]


def _keys(aws: Aws) -> list[dict[str, Any]]:
    return [{"pk": item["pk"], "sk": item["sk"]} for item in aws.dynamodb.scan(TableName="syncs")["Items"]]


def test_another_error_of_dynamodbs_is_not_taken_for_a_lost_race(
    aws: Aws, store: SyncRepository, simulated: SimulatedCodat
) -> None:
    """It is raised unchanged, and the message is redelivered."""
    aws.dynamodb.delete_table(TableName="syncs")
    with pytest.raises(aws.dynamodb.exceptions.ResourceNotFoundException):
        _ingest(simulated.handle, store)
