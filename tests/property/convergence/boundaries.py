"""DynamoDB, Codat and SQS as the functions call them: each call is a step that can fail."""

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import httpx
from botocore.exceptions import ClientError

from codat_sync.aws.table_schema import EVENT_PREFIX, SYNC
from dev.codat_simulator.faults import Fault
from tests.property.boundaries import CALL_DURATION, Json, SteppedDynamoDB, sort_keys, stepped_http_client
from tests.support.clock import ManualClock
from tests.support.stepping import CRASHES, Call, Fate, outside

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sqs import SQSClient

    from dev.codat_simulator.simulator import SimulatedCodat

SYNC_QUEUE = "sync"
RETRY_QUEUE = "retry"
DEAD_LETTERS = "dead"

_OF_DYNAMODB = CRASHES | {Fate.THROTTLED, Fate.REPEATED}
_OF_A_BATCH = _OF_DYNAMODB | {Fate.PARTLY}
_OF_SQS = CRASHES | {Fate.REPEATED}
_FAULTS = {
    Fate.FAILING: Fault("status", status=503),
    Fate.CLOSING: Fault("status", status=429, retry_after="120"),
    Fate.GARBLED: Fault("wrong_shape"),
}
_OF_CODAT = CRASHES | _FAULTS.keys()
_SINGLE_WRITES = {"put_item", "update_item", "transact_write_items"}


class DynamoDB(SteppedDynamoDB):
    """The DynamoDB client. ``has_written`` is set by each write that readers of syncs can see."""

    has_written = False

    def fates(self, name: str, arguments: Json) -> Collection[Fate]:
        del name
        return _OF_A_BATCH if "RequestItems" in arguments else _OF_DYNAMODB

    def writes_document(self, name: str, arguments: Json) -> bool:
        return name in _SINGLE_WRITES and SYNC in sort_keys(arguments)

    def attempt(self, name: str, arguments: Json, fate: Fate) -> Any:  # noqa: ANN401 - any method of the client
        if fate is Fate.THROTTLED:
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "too much at once"}}, name)
        if name in {*_SINGLE_WRITES, "batch_write_item"}:
            self.has_written |= not all(key.startswith(EVENT_PREFIX) for key in sort_keys(arguments))
        if fate is Fate.PARTLY:
            return _PARTLY[name](self.client, arguments["RequestItems"])
        return super().attempt(name, arguments, fate)


def _write_half(client: "DynamoDBClient", requests: dict[str, list[Any]]) -> Json:
    ((table, asked),) = requests.items()
    half = len(asked) // 2
    if half:
        client.batch_write_item(RequestItems={table: asked[:half]})
    return {"UnprocessedItems": {table: asked[half:]}}


def _get_half(client: "DynamoDBClient", requests: dict[str, Any]) -> Json:
    ((table, request),) = requests.items()
    keys = request["Keys"]
    half = len(keys) // 2
    found = client.batch_get_item(RequestItems={table: request | {"Keys": keys[:half]}})["Responses"] if half else {}
    return {"Responses": found, "UnprocessedKeys": {table: request | {"Keys": keys[half:]}}}


_PARTLY: dict[str, Callable[..., Json]] = {"batch_write_item": _write_half, "batch_get_item": _get_half}


def stepped_http(codat: "SimulatedCodat", clock: ManualClock) -> httpx.Client:
    """Return an HTTP client whose requests to simulated Codat are steps."""

    def handle(request: httpx.Request) -> httpx.Response:
        def attempt(fate: Fate) -> httpx.Response:
            clock.pass_by(CALL_DURATION)
            if fate in _FAULTS:
                codat.faults.add(_FAULTS[fate])
            return codat.handle(request)

        name = request.url.path.rpartition("/")[2]
        answer: httpx.Response = outside(Call(name, attempt, _OF_CODAT, asks_codat=True))
        return answer

    return stepped_http_client(handle)


@dataclass
class Message:
    """A message of SyncQueue. ``receives`` counts its deliveries; it is in flight while a worker has it."""

    message_id: str
    body: str
    receive_count: int = 0
    is_in_flight: bool = False

    def __str__(self) -> str:
        body = json.loads(self.body)
        return f"{body['kind']} {body.get('webhookId') or body.get('run') or body.get('version')}"


class SimulatedSqs:
    """The queues, with no more than SQS guarantees: unordered, at-least-once delivery until a message is deleted.

    Messages to RetryQueue are dropped: retries are another test's subject.
    """

    def __init__(self) -> None:
        self.messages: dict[str, Message] = {}
        self.dead_letters: list[str] = []
        self._sent = 0

    def as_client(self) -> "SQSClient":
        """Return it with the type that the code under test expects."""
        return cast("SQSClient", self)

    def put(self, body: str) -> Message:
        """Enqueue a message."""
        self._sent += 1
        message = Message(f"message {self._sent}", body)
        self.messages[message.message_id] = message
        return message

    def deliver(self, message: Message) -> Message:
        """Deliver a message; one that is in flight already, as a copy."""
        given = self.put(message.body) if message.is_in_flight else message
        given.receive_count += 1
        given.is_in_flight = True
        return given

    def delete(self, message_ids: Sequence[str]) -> None:
        """Delete processed messages."""

        def attempt(_: Fate) -> None:
            for message_id in message_ids:
                self.messages.pop(message_id, None)

        outside(Call("delete_message", attempt, CRASHES))

    def redrive(self) -> None:
        """Move all dead letters back to the queue, as an operator does."""
        for body in self.dead_letters:
            self.put(body)
        self.dead_letters.clear()

    # ------------------------------------------------------------ boto3's methods

    def get_queue_attributes(self, **_: object) -> Json:
        """Return the number of messages."""
        return {"Attributes": {"ApproximateNumberOfMessages": str(len(self.messages))}}

    def send_message(self, **request: Any) -> None:  # noqa: ANN401 - boto3's
        """Receive a dead letter."""
        assert request["QueueUrl"] == DEAD_LETTERS
        outside(Call("send_message", lambda _: self.dead_letters.append(request["MessageBody"]), _OF_SQS))

    def send_message_batch(self, **request: Any) -> Json:  # noqa: ANN401 - boto3's
        """Enqueue several messages, or only the first half."""

        def attempt(fate: Fate) -> Json:
            entries = request["Entries"]
            taken = entries[: len(entries) // 2] if fate is Fate.PARTLY else entries
            if request["QueueUrl"] == SYNC_QUEUE:
                for entry in taken:
                    self.put(entry["MessageBody"])
            return {"Successful": [{"Id": entry["Id"]} for entry in taken]}

        answer: Json = outside(Call("send_message_batch", attempt, _OF_SQS | {Fate.PARTLY}))
        return answer
