"""Has what publish could not tell told after all: `python -m ops.republish [--stack NAME] [--dry-run]`."""

import argparse
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError

from dev.deploying import cloudformation
from dev.local_stack.aws_clients import LocalAws
from ops.errors import LocalStackError, told
from ops.local_outputs import Outputs

if TYPE_CHECKING:
    from mypy_boto3_dynamodbstreams import DynamoDBStreamsClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sqs import SQSClient

# A record of a stream's, whose shape AWS defines.
Record = dict[str, Any]

_HIDDEN_SECONDS = 300  # as long as the function may take
_TOLD_OF = {"SYNC", "RETRY", "COMPANY"}
# What the stream says of records that it does not have any more: it keeps them for a day.
_GONE = {"TrimmedDataAccessException", "ResourceNotFoundException"}
# A page of the stream may be empty though more come after it.
_MOST_EMPTY_PAGES = 100


@dataclass(frozen=True)
class Republishing:
    """The dead letters of publish, where their records are, and who tells them."""

    sqs: "SQSClient"
    queue_url: str
    streams: "DynamoDBStreamsClient"
    lambda_: "LambdaClient"
    function: str

    def republish(self) -> Iterator[str]:
        """Have each message that is in the queue now told, and take it off; yields what came of each.

        One of which not everything was told stays, to be tried again. What can't be read still comes back as a new
        message.
        """
        for message in self._messages():
            try:
                count = sum(map(self._tell, list(self._records(message))))
            except LocalStackError as error:
                yield f"{message['MessageId']}  {error}"
                continue
            self.sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
            yield f"{message['MessageId']}  {count} records told"

    def show(self) -> Iterator[str]:
        """Yield what is in the queue now, and leave it there."""
        for message in list(self._messages()):
            attributes = message.get("MessageAttributes", {})
            said = [attributes[name]["StringValue"] for name in ("reason", "detail") if name in attributes]
            yield f"{message['MessageId']}  {'  '.join(said) or 'failed too often'}"
            self.sqs.change_message_visibility(
                QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
            )

    def _messages(self) -> Iterator[Any]:
        attributes = self.sqs.get_queue_attributes(
            QueueUrl=self.queue_url, AttributeNames=["ApproximateNumberOfMessages"]
        )["Attributes"]
        for _ in range(int(attributes["ApproximateNumberOfMessages"])):
            yield from self.sqs.receive_message(
                QueueUrl=self.queue_url,
                MaxNumberOfMessages=1,
                MessageAttributeNames=["All"],
                VisibilityTimeout=_HIDDEN_SECONDS,
                WaitTimeSeconds=1,
            ).get("Messages", [])

    def _records(self, message: Any) -> Iterator[Record]:  # noqa: ANN401 - SQS's
        """Yield the records of a message: publish's own has it in it, Lambda's says where they are in the stream."""
        body = json.loads(message["Body"])
        if "DDBStreamBatchInfo" not in body:
            yield body
            return
        try:
            yield from self._of_stream(body["DDBStreamBatchInfo"])
        except ClientError as error:
            code = error.response["Error"]["Code"]
            when = "any more" if code in _GONE else "now"
            raise LocalStackError(f"can't be read {when}: {code}") from error

    def _of_stream(self, where: dict[str, str]) -> Iterator[Record]:
        """Yield the records from the first to the last that are named. Raises LocalStackError if they are not all."""
        last, empty = int(where["endSequenceNumber"]), 0
        iterator: str | None = self.streams.get_shard_iterator(
            StreamArn=where["streamArn"],
            ShardId=where["shardId"],
            ShardIteratorType="AT_SEQUENCE_NUMBER",
            SequenceNumber=where["startSequenceNumber"],
        ).get("ShardIterator")
        while iterator and empty < _MOST_EMPTY_PAGES:
            page: Any = self.streams.get_records(ShardIterator=iterator)
            for record in page["Records"]:
                number = int(record["dynamodb"]["SequenceNumber"])
                if number <= last:
                    yield record
                if number >= last:
                    return
            empty = 0 if page["Records"] else empty + 1
            iterator = page.get("NextShardIterator")
        raise LocalStackError("can't be read now: the stream did not give all of its records")

    def _tell(self, record: Record) -> int:
        """Have one record told, if it is of what is told of; returns how many that were. Raises LocalStackError."""
        written = record["dynamodb"]
        if record["eventName"] == "REMOVE" or written["Keys"]["sk"]["S"] not in _TOLD_OF:
            return 0
        with suppress(AttributeError):  # As Lambda has it; from the stream itself it comes as a moment.
            written["ApproximateCreationDateTime"] = written["ApproximateCreationDateTime"].timestamp()
        payload = json.dumps({"Records": [record]})
        try:
            answer = self.lambda_.invoke(FunctionName=self.function, Qualifier="live", Payload=payload)
        except ClientError as error:
            raise LocalStackError(f"the function can't be called: {error.response['Error']['Code']}") from error
        said = json.loads(answer["Payload"].read())
        if "FunctionError" in answer or said["batchItemFailures"]:
            raise LocalStackError(f"the function could not tell record {record['eventID']}; see its log")
        return 1


def main() -> None:
    """Republish, or show what would be."""
    parser = argparse.ArgumentParser(prog="python -m ops.republish", description="Tells what publish could not tell.")
    parser.add_argument("--stack", help="a stack on AWS; without it, the local one")
    parser.add_argument("--dry-run", action="store_true", help="only show what is there")
    arguments = parser.parse_args()
    republishing = on_aws(arguments.stack) if arguments.stack else on_local(Outputs.read())
    number = 0
    for line in republishing.show() if arguments.dry_run else republishing.republish():
        print(line)
        number += 1
    print("1 message." if number == 1 else f"{number} messages.")


def on_local(local: Outputs) -> Republishing:
    """Return what is needed of a local stack."""
    aws = LocalAws(local.aws_endpoint_url)
    url = cloudformation.outputs(aws.cloudformation)["PublishDeadLetterQueueUrl"]
    function = cloudformation.physical_ids(aws.cloudformation)["PublishFunction"]
    return Republishing(aws.sqs, url, aws.dynamodbstreams, aws.lambda_, function)


def on_aws(stack: str) -> Republishing:
    """Return what is needed of a stack in the account that the shell's credentials are for."""
    client = boto3.client("cloudformation")
    url = cloudformation.outputs(client, stack)["PublishDeadLetterQueueUrl"]
    resource = client.describe_stack_resource(StackName=stack, LogicalResourceId="PublishFunction")
    function = resource["StackResourceDetail"]["PhysicalResourceId"]
    return Republishing(boto3.client("sqs"), url, boto3.client("dynamodbstreams"), boto3.client("lambda"), function)


if __name__ == "__main__":
    with told():
        main()
