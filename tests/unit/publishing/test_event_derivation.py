"""What has happened, from the difference between two versions of an item."""

import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord
from hypothesis import given
from hypothesis import strategies as st

from codat_sync.aws.table_schema import Key, company_key, retry_key, sync_key
from codat_sync.core.errors import PoisonMessageError
from codat_sync.polling.schedule import CheckFailure, PendingCheck
from codat_sync.publishing.changes import CompanyChange, RetryChange, SyncChange
from codat_sync.publishing.event_derivation import derive_company_events as of_company
from codat_sync.publishing.event_derivation import derive_retry_events as of_retry
from codat_sync.publishing.event_derivation import derive_sync_events as of_sync
from codat_sync.publishing.event_derivation import derive_transaction_events as of_transactions
from codat_sync.publishing.event_derivation import statuses
from codat_sync.publishing.events import DomainEvent
from codat_sync.publishing.stream_records import read_change
from codat_sync.retries.planner import BLOCKED_STEPS
from codat_sync.syncs.items import COMPLETED, FAILED_STATUSES, Item
from codat_sync.syncs.record import read_item, write_check_changes, write_item, write_record
from codat_sync.syncs.retry_record import MAX_LISTED_IDS, RetryState, Step
from codat_sync.syncs.sync import Sync, SyncStatus
from tests.unit.publishing.stream_records import AT, stream_record

_NOW = datetime(2026, 11, 24, 18, tzinfo=UTC)
_COMPANY, _SYNC = "company-1", "sync-1"
_KEY = sync_key(_SYNC)

Attributes = Mapping[str, Any]


def _document(
    previous: Attributes | None,
    code: int,
    *items: Item,
    pending_check: PendingCheck | None = None,
    message: str | None = None,
) -> dict[str, Any]:
    status = SyncStatus(_COMPANY, _SYNC, code, None, message, None, _NOW, None)
    values = write_record(Sync(status, items), pending_check, previous or {}, _NOW)
    return values | {"items": [write_item(item) for item in items]}


def _item(name: str, status: str | None = COMPLETED, kind: str = "expense") -> Item:
    return Item(name, kind, status, "A message of Codat's, about Jane Doe")


def _events(key: Key, old: Attributes | None, new: Attributes) -> Iterator[DomainEvent]:
    """Yield the events of one record, as publish derives them."""
    change = read_change(DynamoDBRecord(stream_record(key, old, new)))
    match change:
        case SyncChange():
            yield from of_sync(change.item_version, change.old, change.new)
            if change.has_changed_items:
                before = statuses(map(read_item, change.old.record.get("items", ()))) if change.old else {}
                items = map(read_item, change.new.record["items"])
                yield from of_transactions(change.item_version, change.new, before, items)
        case RetryChange():
            yield from of_retry(change.item_version, change.sync_id, change.old, change.new)
        case CompanyChange():
            if change.new:
                yield from of_company(change.item_version, change.old, change.new)


def _names(key: Key, old: Attributes | None, new: Attributes) -> list[str]:
    return [type(event).__name__ for event in _events(key, old, new)]


# ---------------------------------------------------------------- syncs


@pytest.mark.parametrize(
    ("code", "name"),
    [(2000, "SyncSucceeded"), (2040, "SyncSucceeded"), (5130, "SyncFailed"), (9999, "SyncStatusUnknown")],
)
def test_an_ended_sync_is_published(code: int, name: str) -> None:
    """As it succeeded, failed, or ended in a way that nobody knows."""
    (event,) = _events(_KEY, None, _document(None, code))
    assert type(event).__name__ == name
    assert (
        event.model_dump() | {"company_id": _COMPANY, "sync_id": _SYNC, "code": code, "version": 1}
        == event.model_dump()
    )
    assert event.occurred_at == AT.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_a_sync_in_progress_publishes_only_its_ended_transactions() -> None:
    """A transaction that is in the books is there, whatever becomes of the others."""
    document = _document(None, 1000, _item("t1"), _item("t2", "Pending"))
    assert _names(_KEY, None, document) == ["TransactionCompleted"]


def test_a_sync_that_failed_and_then_succeeded_is_published_twice_in_order_of_versions() -> None:
    """Transactions that were completed before are not published again."""
    failed = _document(None, 5130, _item("t1"), _item("t2", "PushError"))
    first = list(_events(_KEY, None, failed))
    assert [type(event).__name__ for event in first] == ["SyncFailed", "TransactionCompleted", "TransactionFailed"]
    second = list(_events(_KEY, failed, _document(failed, 2000, _item("t1"), _item("t2"))))
    assert [type(event).__name__ for event in second] == ["SyncSucceeded", "TransactionCompleted"]
    assert [{event.version for event in events} for events in (first, second)] == [{1}, {2}]
    assert second[1].model_dump()["transaction_id"] == "t2"


def test_the_end_of_a_failed_sync_is_published_although_its_code_is_unchanged() -> None:
    """Some of it continued at first: the final number of failures is published."""
    going_on = _document(None, 5130, _item("t1", "PushError"), _item("t2", "Pending"))
    ended = _document(going_on, 5130, _item("t1", "PushError"), _item("t2", "PushError"))
    events = [next(_events(_KEY, *versions)).model_dump() for versions in ((None, going_on), (going_on, ended))]
    assert [(event["is_final"], event["failed"]) for event in events] == [(False, 1), (True, 2)]


@pytest.mark.parametrize(
    "pending_check",
    [
        PendingCheck(_NOW, 3, _NOW + timedelta(minutes=4), None, is_stuck=False, correlation_id="c"),
        PendingCheck(_NOW, 0, _NOW, CheckFailure.GATE_CLOSED, is_stuck=False, correlation_id="c"),
    ],
)
def test_a_rescheduled_sync_publishes_nothing(pending_check: PendingCheck) -> None:
    """Nor is one whose messages have changed, or that is only announced."""
    document = _document(None, 5130, _item("t1", "PushError"))
    assert _names(_KEY, document, document | write_check_changes(pending_check, document, _NOW, version=2)) == []
    assert _names(_KEY, document, _document(document, 5130, _item("t1", "PushError"), message="another")) == []
    announced = {"companyId": _COMPANY, "syncId": _SYNC, "provisionalOutcome": "announced"}
    assert _names(_KEY, None, write_check_changes(pending_check, announced, _NOW, version=1) | announced) == []


def test_items_are_only_compared_if_codats_answer_changed() -> None:
    """Those of a large sync are many megabytes, and most changes are of what it waits for."""
    document = _document(None, 1000, _item("t1"))
    pending_check = PendingCheck(_NOW, 3, _NOW + timedelta(minutes=4), None, is_stuck=False, correlation_id="c")
    for new, has_changed_items in (
        (document | write_check_changes(pending_check, document, _NOW, version=2), False),
        (_document(document, 2000, _item("t1")), True),
    ):
        change = read_change(DynamoDBRecord(stream_record(_KEY, document, new)))
        assert isinstance(change, SyncChange)
        assert change.has_changed_items is has_changed_items


def test_an_abandoned_sync_is_published_once() -> None:
    """A day after it began, when it is given up, and when Codat does not know it."""

    def waits(due_at: datetime | None, check_failure: CheckFailure | None, *, is_stuck: bool) -> dict[str, Any]:
        pending_check = PendingCheck(_NOW, 9, due_at, check_failure, is_stuck=is_stuck, correlation_id="c")
        return _document(None, 1000, pending_check=pending_check)

    fresh, stuck = waits(_NOW, None, is_stuck=False), waits(_NOW, None, is_stuck=True)
    assert _names(_KEY, fresh, stuck) == ["SyncStuck"]
    assert _names(_KEY, stuck, stuck) == []
    assert _names(_KEY, stuck, waits(None, None, is_stuck=True)) == ["SyncAbandoned"]
    assert _names(_KEY, fresh, waits(None, CheckFailure.NOT_FOUND, is_stuck=False)) == ["SyncMissing"]


def test_a_retry_is_published_when_its_sync_is_first_known_to_be_one() -> None:
    """Whether or not its webhook was quicker."""
    made = {
        "companyId": _COMPANY,
        "syncId": _SYNC,
        "provisionalOutcome": "submitted",
        "submittedIds": ["t1"],
        "retryOf": "old",
    }
    submitted = write_check_changes(None, made, _NOW, version=1)
    (event,) = _events(_KEY, None, submitted)
    assert (type(event).__name__, event.model_dump()["transaction_ids"]) == ("RetrySubmitted", ["t1"])
    ended = _document(submitted, 2000, _item("t1"))
    assert _names(_KEY, submitted, ended) == ["SyncSucceeded", "TransactionCompleted"]
    quicker = _document(None, 2000, _item("t1"))
    assert _names(_KEY, quicker, quicker | {"retryOf": "old", "submittedIds": ["t1"], "version": 2}) == [
        "RetrySubmitted"
    ]


def test_a_transaction_has_an_event_for_each_type_that_it_is_booked_as() -> None:
    """And one without an id is only counted."""
    items = (_item("t1"), _item("t1", "PushError", "bankfeeds"), Item(None, "expense", "PushError", None, ordinal=2))
    events = [event.model_dump() for event in _events(_KEY, None, _document(None, 5130, *items))]
    assert [(event.get("transaction_id"), event.get("integration_type")) for event in events] == [
        (None, None),
        ("t1", "expense"),
        ("t1", "bankfeeds"),
    ]
    assert (events[0]["transactions"], events[0]["failed"]) == (3, 2)


_STATUSES = st.sampled_from([COMPLETED, "PushError", "ValidationError", "Pending", "Unknown", None])
_VERSIONS = st.lists(
    st.tuples(
        st.sampled_from([1000, 2000, 5130]),
        st.dictionaries(st.tuples(st.sampled_from("abc"), st.sampled_from(["expense", "bankfeeds"])), _STATUSES),
    ),
    min_size=1,
    max_size=6,
)


@given(_VERSIONS, st.randoms(use_true_random=False))
def test_who_goes_by_versions_ends_with_what_the_document_says(
    versions: Sequence[tuple[int, dict[tuple[str, str], str | None]]], jitter: random.Random
) -> None:
    """Whatever the order in which the bus delivers, and however often."""
    item_version: list[DomainEvent] = []
    document: dict[str, Any] | None = None
    for code, rows in versions:
        items = [_item(name, status, kind) for (name, kind), status in rows.items()]
        following = _document(document, code, *items)
        item_version += (events := list(_events(_KEY, document, following)))
        assert events == list(_events(_KEY, document, following))
        document = following
    assert len({event.id for event in item_version}) == len(item_version)
    item_version += jitter.sample(item_version, len(item_version) // 2)
    jitter.shuffle(item_version)

    newest: dict[object, DomainEvent] = {}
    for event in item_version:
        values = event.model_dump()
        about = (values.get("transaction_id"), values.get("integration_type"))
        if about not in newest or newest[about].version < event.version:
            newest[about] = event
    for (name, kind), status in versions[-1][1].items():
        if status == COMPLETED or status in FAILED_STATUSES:
            assert newest[name, kind].model_dump()["status"] == status
    outcome = (document or {})["summary"]["outcome"]
    if outcome in {"succeeded", "failed"}:
        assert type(newest[None, None]).__name__ == {"succeeded": "SyncSucceeded", "failed": "SyncFailed"}[outcome]


# ---------------------------------------------------------------- retries


def _retry(version: int, held: Mapping[str, list[str]], state: RetryState = RetryState.STOPPED) -> dict[str, Any]:
    return {
        "version": version,
        "state": state.value,
        "steps": {step: len(names) for step, names in held.items()},
        "blocked": held,
        "summary": {"companyId": _COMPANY, "syncId": _SYNC},
    }


def test_every_step_that_needs_action_is_published() -> None:
    """Or else nobody would know."""
    names = {name for step in BLOCKED_STEPS for name in _names(retry_key(_SYNC), None, _retry(1, {step.value: ["t1"]}))}
    assert len(names) == len(BLOCKED_STEPS)
    assert {"BodyMissing", "RetryExhausted", "OutcomeUnknown"} <= names
    others = {step.value: ["t1"] for step in set(Step) - BLOCKED_STEPS}
    assert _names(retry_key(_SYNC), None, _retry(1, others, RetryState.SCHEDULED)) == []


def test_only_transactions_for_which_it_is_new_are_named() -> None:
    """The count is of all."""
    old = _retry(1, {"noBodyRecorded": ["t1", "t2"]})
    assert _names(retry_key(_SYNC), old, _retry(2, {"noBodyRecorded": ["t1", "t2"]})) == []
    new = _retry(2, {"noBodyRecorded": ["t2", "t3"]}) | {"steps": {"noBodyRecorded": 700}}
    (event,) = _events(retry_key(_SYNC), old, new)
    values = event.model_dump()
    assert (values["transaction_ids"], values["count"], values["version"]) == (["t3"], 700, 2)
    again = _retry(4, {"noBodyRecorded": ["t1"]})
    assert _names(retry_key(_SYNC), _retry(3, {}, RetryState.SCHEDULED), again) == ["BodyMissing"]


def test_a_resolved_retry_is_published_once() -> None:
    """And one of a version of this application that did not name anything yet is read all the same."""
    resolved = _retry(2, {}, RetryState.RESOLVED)
    old = {"v": 1, "state": "scheduled", "steps": {"noBodyRecorded": 1}, "syncIds": []}
    assert _names(retry_key(_SYNC), old, resolved) == ["RetryResolved"]
    assert _names(retry_key(_SYNC), resolved, resolved | {"version": 3}) == []
    assert _names(retry_key(_SYNC), None, {"v": 1, "summary": {"companyId": _COMPANY, "syncId": _SYNC}}) == []


# ---------------------------------------------------------------- companies


def _company(status: str | None, version: int = 2, *, is_deleted: bool = False) -> dict[str, Any]:
    fields = {"connectionStatus": status, "targetPlatform": "Xero", "isDeleted": is_deleted, "fetchedAt": "2026"}
    return {"companyId": _COMPANY, "version": version, "name": "Jane Doe Ltd", **fields}


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        ("Linked", "Deauthorized", ["ConnectionLost"]),
        ("Linked", None, ["ConnectionLost"]),
        ("Deauthorized", "Linked", ["ConnectionRestored"]),
        ("PendingAuth", "Linked", ["ConnectionRestored"]),
        ("Deauthorized", "Unlinked", []),
        ("Linked", "linked", []),
        (None, None, []),
    ],
)
def test_a_lost_or_restored_connection_is_published(old: str | None, new: str | None, names: list[str]) -> None:
    """Not one that is as it was."""
    assert _names(company_key(_COMPANY), _company(old), _company(new, 3)) == names


@pytest.mark.parametrize(
    ("status", "names"), [("Linked", []), ("PendingAuth", []), (None, []), ("Deauthorized", ["ConnectionLost"])]
)
def test_a_new_company_has_lost_only_connections_that_it_had(status: str | None, names: list[str]) -> None:
    """A record that was made before Codat was asked counts as none."""
    assert _names(company_key(_COMPANY), None, _company(status)) == names
    assert _names(company_key(_COMPANY), {"companyId": _COMPANY, "version": 1}, _company(status)) == names


def test_a_deleted_company_is_published_once() -> None:
    """Its connection is not lost besides."""
    deleted = _company("Linked", 3, is_deleted=True)
    assert _names(company_key(_COMPANY), _company("Linked"), deleted) == ["CompanyDeleted"]
    assert _names(company_key(_COMPANY), deleted, deleted) == []
    assert _names(company_key(_COMPANY), None, {"companyId": _COMPANY, "version": 1}) == []


# ---------------------------------------------------------------- what goes out, and what can't be read


def test_no_event_contains_a_message_or_a_name() -> None:
    """Both may be personal data, and a bus has many ends."""
    documents = _document(None, 5130, _item("t1"), _item("t2", "PushError"), message="Jane Doe")
    events = [
        *_events(_KEY, None, documents),
        *_events(company_key(_COMPANY), _company("Linked"), _company("Unlinked")),
    ]
    assert len(events) == 4
    assert not any("Jane" in event.model_dump_json() for event in events)


def test_ten_of_the_largest_events_fit_into_one_request() -> None:
    """And one into a message of the topic: so nothing has to be measured or cut."""
    longest = [f"{n:0>128}" for n in range(MAX_LISTED_IDS)]
    (event,) = _events(retry_key("s" * 128), None, _retry(1, {"noBodyRecorded": longest}))
    assert 10 * len(event.model_dump_json(by_alias=True).encode()) < 256 * 1024


@pytest.mark.parametrize(
    "broken",
    [
        {"code": "none"},
        {"summary": {"outcome": "splendid"}},
        {"syncId": None},
        {"pendingCheck": {"since": "2026-11-24"}},
        {"counts": "many"},
        {"version": "first"},
    ],
)
def test_a_record_that_we_did_not_write_is_poison(broken: dict[str, Any]) -> None:
    """And what it holds is not quoted."""
    document = {**_document(None, 5130, _item("t1")), **broken}
    with pytest.raises(PoisonMessageError) as caught:
        list(_events(_KEY, None, document))
    assert "Jane" not in caught.value.detail


@pytest.mark.parametrize("record", [{}, {"dynamodb": {}}, {"dynamodb": {"ApproximateCreationDateTime": "now"}}])
def test_what_is_no_record_is_poison(record: dict[str, Any]) -> None:
    """Nothing else goes wrong with it."""
    with pytest.raises(PoisonMessageError, match="unreadable-record"):
        read_change(DynamoDBRecord(record))
    with pytest.raises(PoisonMessageError, match="unreadable-record"):
        read_change(DynamoDBRecord(stream_record({"pk": "TXN#1", "sk": "CLAIM"}, None, {})))


def test_a_version_that_lacks_what_came_later_is_read() -> None:
    """What is in the table from before is not written anew when this application is."""
    document = _document(None, 2000, _item("t1"))
    older = {name: value for name, value in document.items() if name in {"v", "version", "digest", "code", "items"}}
    older |= {"companyId": _COMPANY, "syncId": _SYNC, "digest": "another"}
    assert _names(_KEY, older, document) == ["SyncSucceeded"]
    assert _names(_KEY, None, older) == ["TransactionCompleted"]
