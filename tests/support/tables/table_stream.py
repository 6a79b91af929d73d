"""SyncTable's stream and an event bus subscriber, to test publish with."""

import json
from dataclasses import dataclass, field
from typing import Any

import boto3

from dev.deploying.template import read_template
from dev.local_stack.bus_subscriber import Event, Subscriber, subscribe
from dev.stored_events import Payload
from tests.support.aws import Aws
from tests.support.handlers import Handler

_RESOURCES = read_template()["Resources"]
# moto knows the endpoint by this name only.
ENDPOINT = "https://streams.dynamodb.eu-west-2.amazonaws.com"


@dataclass
class Stream:
    """Reads the table's stream as Lambda does for a function: filtered, in order, each record once."""

    aws: Aws
    function: str = "PublishFunction"
    _read: set[str] = field(default_factory=set)

    def shard(self) -> dict[str, str]:
        """Return the stream's ARN and the shard's id, as Lambda names them."""
        streams: Any = boto3.client("dynamodbstreams", endpoint_url=ENDPOINT)
        arn = self.aws.dynamodb.describe_table(TableName="syncs")["Table"]["LatestStreamArn"]
        (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        return {"streamArn": str(arn), "shardId": str(shard["ShardId"])}

    def records(self) -> list[Payload]:
        """Return the records since the last call."""
        streams: Any = boto3.client("dynamodbstreams", endpoint_url=ENDPOINT)
        where = self.shard()
        iterator = streams.get_shard_iterator(
            StreamArn=where["streamArn"], ShardId=where["shardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        found: list[Any] = []
        # A response has at most 1,000.
        while (page := streams.get_records(ShardIterator=iterator))["Records"]:
            found += page["Records"]
            iterator = page["NextShardIterator"]
        new = [record for record in found if record["eventID"] not in self._read]
        self._read |= {record["eventID"] for record in new}
        return [_as_lambda_has_it(record) for record in new if self._is_handed_over(record)]

    def _is_handed_over(self, record: Payload) -> bool:
        """Apply the template's filter, as far as it has conditions."""
        mapping = _RESOURCES[self.function]["Properties"]["Events"]["SyncTable"]["Properties"]
        patterns = (json.loads(each["Pattern"]) for each in mapping["FilterCriteria"]["Filters"])
        return any(_matches(pattern, record) for pattern in patterns)


def _matches(pattern: Payload, record: Payload) -> bool:
    """Return whether a record has one of the values, or any where that is the condition, in each place."""
    for name, wanted in pattern.items():
        if isinstance(wanted, dict):
            if not _matches(wanted, record.get(name) or {}):
                return False
        elif not any(_is(each, record.get(name)) for each in wanted):
            return False
    return True


def _is(wanted: str | dict[str, Any], value: Any) -> bool:  # noqa: ANN401 - a value of a record
    match wanted:
        case {"exists": exists}:
            return bool(exists == (value is not None))
        case {"prefix": prefix}:
            return isinstance(value, str) and value.startswith(prefix)
    return bool(value == wanted)


def _as_lambda_has_it(record: Payload) -> Payload:
    written = record["dynamodb"]
    return record | {
        "dynamodb": written | {"ApproximateCreationDateTime": written["ApproximateCreationDateTime"].timestamp()}
    }


@dataclass
class PublisherHarness:
    """The publish function and a subscriber."""

    publish: Handler
    stream: Stream
    subscriber: Subscriber

    def catch_up(self) -> list[Event]:
        """Let publish handle the new records; returns the new events."""
        if records := self.stream.records():
            assert self.publish({"Records": records}) == {"batchItemFailures": []}
        return self.new()

    def new(self) -> list[Event]:
        """Return the events received since the last call."""
        known = set(self.subscriber.events_by_id)
        return [event for name, event in self.subscriber.receive_events().items() if name not in known]


def make_publisher_harness(aws: Aws, publish: Handler) -> PublisherHarness:
    """Return publish with a stream and a subscriber."""
    events = boto3.client("events")
    events.create_event_bus(Name=aws.environment["EVENT_BUS_NAME"])
    return PublisherHarness(publish, Stream(aws), subscribe(aws.sqs, events, aws.environment["EVENT_BUS_NAME"]))
