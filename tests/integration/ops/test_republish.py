"""Republish: what Lambda split off is read from the stream, all of it or none, and kept until it is published."""

import io
import json
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from codat_sync.dead_letters.queue import DeadLetterQueueClient
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import SYNC_ID
from ops.republish import Republisher
from tests.support.aws import Aws
from tests.support.handlers import Handler, StartFunction
from tests.support.sqs_batches import batch, of
from tests.support.tables.table_stream import ENDPOINT, PublisherHarness, make_publisher_harness


class Streams:
    """DynamoDB's streams, which may give empty pages before those with something in them."""

    def __init__(self) -> None:
        self._real: Any = boto3.client("dynamodbstreams", endpoint_url=ENDPOINT)
        self.get_shard_iterator = self._real.get_shard_iterator
        self.empty = 0

    def get_records(self, ShardIterator: str) -> Any:  # noqa: ANN401, N803 - AWS's
        """Return a page."""
        if not self.empty:
            return self._real.get_records(ShardIterator=ShardIterator)
        self.empty -= 1
        return {"Records": [], "NextShardIterator": ShardIterator}


@dataclass
class Lambda:
    """Lambda, which calls publish unless it is throttled."""

    publish: Handler
    is_throttled: bool = False

    def invoke(self, FunctionName: str, Qualifier: str, Payload: str) -> Any:  # noqa: ANN401, ARG002, N803 - AWS's
        """Return what publish answers."""
        if self.is_throttled:
            raise ClientError({"Error": {"Code": "TooManyRequestsException"}}, "Invoke")
        return {"Payload": io.BytesIO(json.dumps(self.publish(json.loads(Payload))).encode())}


@pytest.fixture
def bus(start: StartFunction, aws: Aws) -> PublisherHarness:
    """Return publish, and a subscriber."""
    return make_publisher_harness(aws, start("publish"))


@pytest.fixture
def republish_service(start: StartFunction, aws: Aws, bus: PublisherHarness, simulated: SimulatedCodat) -> Republisher:
    """Return republish, with one message that says where in the stream a failed sync stands."""
    start("worker")(batch(of(simulated, simulated.sync(SYNC_ID))))
    (record,) = (each for each in bus.stream.records() if each["dynamodb"]["Keys"]["sk"] == {"S": "SYNC"})
    number = record["dynamodb"]["SequenceNumber"]
    url = aws.environment["PUBLISH_DEAD_LETTER_QUEUE_URL"]
    where = bus.stream.shard() | {"startSequenceNumber": number, "endSequenceNumber": number}
    aws.sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"DDBStreamBatchInfo": where}))
    streams: Any = Streams()
    publish: Any = Lambda(bus.publish)
    queue = DeadLetterQueueClient(aws.sqs, "publish", url=url, source_url=None)
    return Republisher(queue, streams, publish, "publish")


def _is_kept(aws: Aws) -> bool:
    names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    answer = aws.sqs.get_queue_attributes(
        QueueUrl=aws.environment["PUBLISH_DEAD_LETTER_QUEUE_URL"], AttributeNames=names
    )
    return any(int(number) for number in answer["Attributes"].values())


def test_a_page_that_is_empty_is_not_the_end(republish_service: Republisher, aws: Aws, bus: PublisherHarness) -> None:
    """What follows it is published."""
    republish_service.streams.empty = 3  # type: ignore[attr-defined]
    assert [line.split("  ")[1] for line in republish_service.republish()] == ["1 record published"]
    assert [event["detail-type"] for event in bus.new()] == ["SyncFailed", "TransactionCompleted", "TransactionFailed"]
    assert not _is_kept(aws)


def test_what_the_stream_does_not_give_is_not_given_up(
    republish_service: Republisher, aws: Aws, bus: PublisherHarness
) -> None:
    """The message is all that is known of it."""
    republish_service.streams.empty = 1_000  # type: ignore[attr-defined]
    (line,) = republish_service.republish()
    assert "can't be read now" in line
    assert (bus.new(), _is_kept(aws)) == ([], True)


def test_what_cant_be_published_now_is_kept(republish_service: Republisher, aws: Aws) -> None:
    """It stays, and the others are tried."""
    republish_service.lambda_.is_throttled = True  # type: ignore[attr-defined]
    (line,) = republish_service.republish()
    assert "the function can't be invoked: TooManyRequestsException" in line
    assert _is_kept(aws)
