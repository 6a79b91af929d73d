"""What surrounds the code: the time, and DynamoDB, Codat and SQS, each call to which is a place to stop at."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import httpx
from botocore.exceptions import ClientError

from codat_sync.aws.table_schema import COMPANY, EVENT_PREFIX, GATE, SYNC
from dev.codat_simulator.faults import Fault
from tests.support.clock import ManualClock
from tests.support.stepping import CRASHES, Call, Fate, outside

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sqs import SQSClient

    from dev.codat_simulator.simulator import SimulatedCodat

SYNC_QUEUE = "sync"
RETRY_QUEUE = "retry"
DEAD_LETTERS = "dead"

# Requests and answers of boto3's, whose shape AWS defines.
Json = dict[str, Any]

_CALL_TAKES = timedelta(milliseconds=10)
_OF_DYNAMODB = CRASHES | {Fate.THROTTLED, Fate.REPEATED}
_OF_A_BATCH = _OF_DYNAMODB | {Fate.PARTLY}
_OF_SQS = CRASHES | {Fate.REPEATED}
_FAULTS = {
    Fate.FAILING: Fault("status", status=503),
    Fate.CLOSING: Fault("status", status=429, retry_after="120"),
    Fate.GARBLED: Fault("malformed"),
}
_OF_CODAT = CRASHES | _FAULTS.keys()
# Of no consequence for syncs: not stopped at.
_BESIDE_THE_POINT = {GATE["sk"], COMPANY}
_SINGLE_WRITES = {"put_item", "update_item", "transact_write_items"}


class SteppedDynamoDB:
    """A client of DynamoDB. ``has_written`` tells that there is something new for readers."""

    def __init__(self, client: "DynamoDBClient", clock: ManualClock) -> None:
        self._client = client
        self._clock = clock
        self.has_written = False

    def as_client(self) -> "DynamoDBClient":
        """Return it as what the code takes it for."""
        return cast("DynamoDBClient", self)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return partial(self._call, name)

    def get_paginator(self, name: str) -> "_Paginator":
        return _Paginator(partial(self._call, name))

    def _call(self, name: str, **arguments: Any) -> Any:  # noqa: ANN401 - any method of the client
        keys = _sort_keys(arguments)

        def attempt(fate: Fate) -> Any:  # noqa: ANN401 - the same
            self._clock.pass_by(_CALL_TAKES)
            if fate is Fate.THROTTLED:
                raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "too much at once"}}, name)
            if name in {*_SINGLE_WRITES, "batch_write_item"}:
                self.has_written |= not all(key.startswith(EVENT_PREFIX) for key in keys)
            if fate is Fate.PARTLY:
                return _PARTLY[name](self._client, arguments["RequestItems"])
            return getattr(self._client, name)(**arguments)

        if keys and keys <= _BESIDE_THE_POINT:
            return attempt(Fate.WELL)
        fates = _OF_A_BATCH if "RequestItems" in arguments else _OF_DYNAMODB
        return outside(Call(name, attempt, fates, writes_document=name in _SINGLE_WRITES and SYNC in keys))


class _Paginator:
    def __init__(self, ask: Callable[..., Json]) -> None:
        self._ask = ask

    def paginate(self, **arguments: object) -> Iterator[Json]:
        answer = self._ask(**arguments)
        assert "LastEvaluatedKey" not in answer
        yield answer


def _sort_keys(arguments: Json) -> set[str]:
    """Return the sort keys of the items that a request is about; none for a query."""
    items = [arguments.get("Key") or arguments.get("Item")]
    for request in arguments.get("RequestItems", {}).values():
        items += request["Keys"] if "Keys" in request else map(_key_or_item, request)
    items += map(_key_or_item, arguments.get("TransactItems", ()))
    return {item["sk"]["S"] for item in items if item}


def _key_or_item(request: dict[str, Json]) -> Json:
    (operation,) = request.values()
    found: Json = operation.get("Key") or operation["Item"]
    return found


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
    """Return a client of simulated Codat's."""

    def handle(request: httpx.Request) -> httpx.Response:
        def attempt(fate: Fate) -> httpx.Response:
            clock.pass_by(_CALL_TAKES)
            if fate in _FAULTS:
                codat.faults.add(_FAULTS[fate])
            return codat.handle(request)

        name = request.url.path.rpartition("/")[2]
        answer: httpx.Response = outside(Call(name, attempt, _OF_CODAT, asks_codat=True))
        return answer

    return httpx.Client(base_url="http://codat.test", transport=httpx.MockTransport(handle), trust_env=False)


@dataclass
class Message:
    """A message of SyncQueue; ``receives`` is how often it was handed out."""

    message_id: str
    body: str
    receives: int = 0
    is_in_hand: bool = False

    def __str__(self) -> str:
        body = json.loads(self.body)
        return f"{body['kind']} {body.get('webhookId') or body.get('run') or body.get('version')}"


class SimulatedSqs:
    """The queues, as far as they can be relied on: messages in any order, again and again until they are deleted.

    What the clock puts on RetryQueue is left to others.
    """

    def __init__(self) -> None:
        self.messages: dict[str, Message] = {}
        self.dead_letters: list[str] = []
        self._sent = 0

    def as_client(self) -> "SQSClient":
        """Return it as what the code takes it for."""
        return cast("SQSClient", self)

    def put(self, body: str) -> Message:
        """Take a message in."""
        self._sent += 1
        message = Message(f"message {self._sent}", body)
        self.messages[message.message_id] = message
        return message

    def hand_out(self, message: Message) -> Message:
        """Hand out a message; one that is in a worker's hand already, as a copy."""
        given = self.put(message.body) if message.is_in_hand else message
        given.receives += 1
        given.is_in_hand = True
        return given

    def delete(self, message_ids: Sequence[str]) -> None:
        """Forget messages that were worked on."""

        def attempt(_: Fate) -> None:
            for message_id in message_ids:
                self.messages.pop(message_id, None)

        outside(Call("delete_message", attempt, CRASHES))

    def redrive(self) -> None:
        """Take the messages back that were set aside, as a person does."""
        for body in self.dead_letters:
            self.put(body)
        self.dead_letters.clear()

    # ------------------------------------------------------------ what the code calls

    def get_queue_attributes(self, **_: object) -> Json:
        """Tell how many messages there are."""
        return {"Attributes": {"ApproximateNumberOfMessages": str(len(self.messages))}}

    def send_message(self, **request: Any) -> None:  # noqa: ANN401 - boto3's
        """Take a message that is set aside."""
        assert request["QueueUrl"] == DEAD_LETTERS
        outside(Call("send_message", lambda _: self.dead_letters.append(request["MessageBody"]), _OF_SQS))

    def send_message_batch(self, **request: Any) -> Json:  # noqa: ANN401 - boto3's
        """Take several messages, or half of them."""

        def attempt(fate: Fate) -> Json:
            entries = request["Entries"]
            taken = entries[: len(entries) // 2] if fate is Fate.PARTLY else entries
            if request["QueueUrl"] == SYNC_QUEUE:
                for entry in taken:
                    self.put(entry["MessageBody"])
            return {"Successful": [{"Id": entry["Id"]} for entry in taken]}

        answer: Json = outside(Call("send_message_batch", attempt, _OF_SQS | {Fate.PARTLY}))
        return answer
