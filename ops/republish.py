"""Re-send events that publish failed to publish: its dead letters, read from the table's stream where needed."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from codat_sync.audit.entry import Action, AuditEntry
from codat_sync.audit.repository import AuditRepository
from codat_sync.core.clock import utc_now
from codat_sync.core.errors import QueueUnavailableError
from ops.dead_letters.commands import dead_letter_queue
from ops.deployment import Deployment
from ops.errors import CommandError

if TYPE_CHECKING:
    from mypy_boto3_dynamodbstreams import DynamoDBStreamsClient
    from mypy_boto3_lambda import LambdaClient

    from codat_sync.dead_letters.dead_letter import DeadLetter
    from codat_sync.dead_letters.queue import DeadLetterQueueClient

# A record of a stream's, whose shape AWS defines.
Record = dict[str, Any]

# The sort keys of the items whose changes are published.
_PUBLISHED = {"SYNC", "RETRY", "COMPANY"}
# DynamoDB's errors for records that have left the stream, which keeps them for a day.
_EXPIRED = {"TrimmedDataAccessException", "ResourceNotFoundException"}
# A page of the stream may be empty though more come after it.
_MAX_EMPTY_PAGES = 100


@dataclass(frozen=True)
class Republisher:
    """The dead-letter queue of publish, the stream with the records, and the function that publishes them."""

    queue: "DeadLetterQueueClient"
    streams: "DynamoDBStreamsClient"
    lambda_: "LambdaClient"
    function: str

    def republish(self) -> Iterator[str]:
        """Publish the records of each message in the queue and delete the message; yields one line per message.

        A message stays in the queue unless all of its records are published. Publish puts a record that it can't read
        back as a new message.
        """
        for message in self._messages():
            try:
                count = sum(map(self._publish, list(self._records(message))))
            except CommandError as error:
                yield f"{message.message_id}  {error}"
                continue
            self.queue.delete(message)
            yield f"{message.message_id}  {count} {'record' if count == 1 else 'records'} published"

    def show(self) -> Iterator[str]:
        """Yield one line per message in the queue. They stay there."""
        for message in list(self._messages()):
            yield f"{message.message_id}  {message.reason}  {message.detail}".rstrip()
            self.queue.release([message.receipt_handle])

    def _messages(self) -> "Iterator[DeadLetter]":
        """Yield as many messages as the queue has now, received one by one: each may take minutes."""
        for _ in range(self.queue.count().available):
            for messages in self.queue.letters(1):
                yield from messages

    def _records(self, message: "DeadLetter") -> Iterator[Record]:
        """Yield the records of a message: publish's own contains one, Lambda's names a range of the stream."""
        body = json.loads(message.body)
        if "DDBStreamBatchInfo" not in body:
            yield body
            return
        try:
            yield from self._stream_records(body["DDBStreamBatchInfo"])
        except ClientError as error:
            code = error.response["Error"]["Code"]
            when = "any more" if code in _EXPIRED else "now"
            raise CommandError(f"can't be read {when}: {code}") from error

    def _stream_records(self, batch: dict[str, str]) -> Iterator[Record]:
        """Yield the records of a range of the stream. Raises CommandError if any of them is missing."""
        last, empty = int(batch["endSequenceNumber"]), 0
        iterator: str | None = self.streams.get_shard_iterator(
            StreamArn=batch["streamArn"],
            ShardId=batch["shardId"],
            ShardIteratorType="AT_SEQUENCE_NUMBER",
            SequenceNumber=batch["startSequenceNumber"],
        ).get("ShardIterator")
        while iterator and empty < _MAX_EMPTY_PAGES:
            page: Any = self.streams.get_records(ShardIterator=iterator)
            for record in page["Records"]:
                number = int(record["dynamodb"]["SequenceNumber"])
                if number <= last:
                    yield record
                if number >= last:
                    return
            empty = 0 if page["Records"] else empty + 1
            iterator = page.get("NextShardIterator")
        raise CommandError("can't be read now: the stream did not return all of its records")

    def _publish(self, record: Record) -> int:
        """Publish one record, unless its item is of a kind that is not published; returns how many were published.

        Raises CommandError.
        """
        change = record["dynamodb"]
        if record["eventName"] == "REMOVE" or change["Keys"]["sk"]["S"] not in _PUBLISHED:
            return 0
        with suppress(AttributeError):  # Lambda passes a number, the stream itself a datetime.
            change["ApproximateCreationDateTime"] = change["ApproximateCreationDateTime"].timestamp()
        payload = json.dumps({"Records": [record]})
        try:
            answer = self.lambda_.invoke(FunctionName=self.function, Qualifier="live", Payload=payload)
        except ClientError as error:
            raise CommandError(f"the function can't be invoked: {error.response['Error']['Code']}") from error
        result = json.loads(answer["Payload"].read())
        if "FunctionError" in answer or result["batchItemFailures"]:
            raise CommandError(f"the function failed to publish record {record['eventID']}: see its log")
        return 1


def republish(stack: str | None, *, dry_run: bool) -> None:
    """Republish what is in the dead-letter queue of publish, or list it, and print one line per message."""
    deployment = Deployment.connect(stack)
    number = 0
    try:
        republisher = republisher_of(deployment)
        if not dry_run:
            entry = AuditEntry(utc_now(), deployment.operator, Action.REPROCESS, details={"queue": "publish"})
            AuditRepository(deployment.table).record(entry)
        for line in republisher.show() if dry_run else republisher.republish():
            print(line)
            number += 1
    except (BotoCoreError, ClientError, QueueUnavailableError) as error:
        raise CommandError(f"can't republish from {deployment.description}: {error}") from error
    print("1 message." if number == 1 else f"{number} messages.")


def republisher_of(deployment: Deployment) -> Republisher:
    """Return the parts of a deployment that republishing needs. Raises CommandError if it publishes no events."""
    queue = dead_letter_queue(deployment, "publish")
    if queue is None:
        raise CommandError(f"{deployment.description} publishes no events: its parameter PublishEnabled is false.")
    function = deployment.physical_id("PublishFunction")
    return Republisher(queue, deployment.dynamodbstreams, deployment.lambda_, function)
