"""Has what publish could not tell told after all: `python -m dev.republish [--stack NAME] [--dry-run]`."""

import argparse
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError

from dev import cloudformation
from dev.aws import LocalAws
from dev.errors import LocalStackError, told
from dev.outputs import Outputs

if TYPE_CHECKING:
    from mypy_boto3_dynamodbstreams import DynamoDBStreamsClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sqs import SQSClient

# A record of a stream's, whose shape AWS defines.
Record = dict[str, Any]

_HIDDEN_SECONDS = 300  # as long as the function may take
_TOLD_OF = {"SYNC", "RETRY", "COMPANY"}


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

        What can't be read still comes back as a new message.
        """
        for message in self._messages():
            try:
                count = sum(map(self._tell, self._records(message)))
            except ClientError as error:
                # The stream has kept its records for a day only.
                yield f"{message['MessageId']}  can't be read any more: {error.response['Error']['Code']}"
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
        where = body["DDBStreamBatchInfo"]
        iterator: str | None = self.streams.get_shard_iterator(
            StreamArn=where["streamArn"],
            ShardId=where["shardId"],
            ShardIteratorType="AT_SEQUENCE_NUMBER",
            SequenceNumber=where["startSequenceNumber"],
        ).get("ShardIterator")
        while iterator:
            page: Any = self.streams.get_records(ShardIterator=iterator)
            for record in page["Records"]:
                if int(record["dynamodb"]["SequenceNumber"]) > int(where["endSequenceNumber"]):
                    return
                yield record
            iterator = page.get("NextShardIterator") if page["Records"] else None

    def _tell(self, record: Record) -> int:
        """Have one record told, if it is of what is told of; returns how many that were. Raises LocalStackError."""
        written = record["dynamodb"]
        if record["eventName"] == "REMOVE" or written["Keys"]["sk"]["S"] not in _TOLD_OF:
            return 0
        with suppress(AttributeError):  # As Lambda has it; from the stream itself it comes as a moment.
            written["ApproximateCreationDateTime"] = written["ApproximateCreationDateTime"].timestamp()
        answer = self.lambda_.invoke(
            FunctionName=self.function, Qualifier="live", Payload=json.dumps({"Records": [record]})
        )
        said = json.loads(answer["Payload"].read())
        if "FunctionError" in answer or said["batchItemFailures"]:
            raise LocalStackError(f"the function could not tell record {record['eventID']}; see its log")
        return 1


def main() -> None:
    """Republish, or show what would be."""
    parser = argparse.ArgumentParser(prog="python -m dev.republish", description="Tells what publish could not tell.")
    parser.add_argument("--stack", help="a stack on AWS; without it, the local one")
    parser.add_argument("--dry-run", action="store_true", help="only show what is there")
    arguments = parser.parse_args()
    republishing = on_aws(arguments.stack) if arguments.stack else on_local(Outputs.read())
    for line in republishing.show() if arguments.dry_run else republishing.republish():
        print(line)


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
