"""The event bus: it takes ten events a request, and each of them or not."""

from collections import Counter
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from codat_sync.core.errors import EventBusUnavailableError
from codat_sync.publishing import event_bus as bus_module
from codat_sync.publishing.event_bus import EventBus
from codat_sync.publishing.events import DomainEvent, RetryResolved, SyncStuck

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient


class FakeEventBridge:
    """A bus with scripted failures: an error, or a number of a request's entries."""

    def __init__(self, *refusals: Exception | int) -> None:
        self._refusals = list(refusals)
        self.requests: list[list[dict[str, Any]]] = []
        self.taken: list[dict[str, Any]] = []

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - AWS's name
        assert len(Entries) <= 10
        self.requests.append(Entries)
        refusal = self._refusals.pop(0) if self._refusals else 0
        if isinstance(refusal, Exception):
            raise refusal
        self.taken += Entries[refusal:]
        refused = [{"ErrorCode": "ThrottlingException", "ErrorMessage": "too many"}] * refusal
        return {"FailedEntryCount": refusal, "Entries": refused + [{"EventId": "id"}] * (len(Entries) - refusal)}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(bus_module._RETRY, "sleep", lambda _: None)  # noqa: SLF001 - the waits are not what is tested


def _bus(client: FakeEventBridge) -> EventBus:
    return EventBus(cast("EventBridgeClient", client), "events")


def _events(number: int) -> list[DomainEvent]:
    common = {"v": 1, "companyId": "c", "version": 1, "occurredAt": "2026-11-24T18:00:00.000Z", "syncId": "s"}
    return [RetryResolved.model_validate({"id": f"id-{n}", **common}) for n in range(number)]


def _ids(client: FakeEventBridge) -> Counter[str]:
    return Counter(entry["Detail"].split('"id":"')[1].split('"')[0] for entry in client.taken)


def test_ten_go_in_a_request_and_all_of_them_arrive() -> None:
    """However many they are, each under the name of its kind."""
    client = FakeEventBridge()
    stuck = SyncStuck.model_validate(_events(1)[0].model_dump() | {"since": "2026"})
    assert _bus(client).put([*_events(204), stuck]) == {"RetryResolved": 204, "SyncStuck": 1}
    assert sorted(map(len, client.requests)) == [5, *[10] * 20]
    assert {entry["DetailType"] for entry in client.taken} == {"RetryResolved", "SyncStuck"}
    assert {(entry["Source"], entry["EventBusName"]) for entry in client.taken} == {("codat-sync", "events")}


def test_nothing_is_no_request() -> None:
    """Most changes publish nothing."""
    client = FakeEventBridge()
    assert _bus(client).put([]) == {}
    assert client.requests == []


def test_only_rejected_entries_are_published_again() -> None:
    """Each event is taken or refused by itself."""
    client = FakeEventBridge(3, 1)
    assert _bus(client).put(_events(10)) == {"RetryResolved": 10}
    assert list(map(len, client.requests)) == [10, 3, 1]
    assert _ids(client) == dict.fromkeys((f"id-{n}" for n in range(10)), 1)


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "InternalException", "Message": "no"}}, "PutEvents"),
        EndpointConnectionError(endpoint_url="https://events"),
    ],
)
def test_a_bus_that_does_not_answer_is_asked_again(error: Exception) -> None:
    """Whatever the SDK has tried already."""
    client = FakeEventBridge(error, error)
    assert _bus(client).put(_events(2)) == {"RetryResolved": 2}
    assert len(client.requests) == 3


def test_a_bus_that_goes_on_refusing_is_an_error() -> None:
    """The stream redelivers the record, so no event is lost."""
    client = FakeEventBridge(*[1] * 6)
    with pytest.raises(EventBusUnavailableError, match="rejected 1"):
        _bus(client).put(_events(2))
    assert len(client.requests) == 6
