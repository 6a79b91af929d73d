"""Takes messages from the dead-letter queues back: `python -m dev.redrive [--stack NAME] [--dry-run]`."""

import argparse
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from dev import cloudformation
from dev.aws import LocalAws
from dev.errors import LocalStackError, told
from dev.outputs import Outputs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef, SendMessageRequestTypeDef

# How long a message is hidden from others, and from our next look, while it is dealt with.
_HIDDEN_SECONDS = 60
_MOST_AT_ONCE = 10  # that SQS hands over


def main() -> None:
    """Redrive, or show what would be."""
    arguments = _parser().parse_args()
    if arguments.stack:
        sqs, source, target = _on_aws(arguments.stack)
    else:
        local = Outputs.read()
        sqs, source, target = LocalAws(local.aws_endpoint_url).sqs, local.dead_letter_queue_url, local.queue_url
    if arguments.dry_run:
        print(f"{show(sqs, source)} would go back to SyncQueue.")
    else:
        print(f"{redrive(sqs, source, target)} went back to SyncQueue.")


def _on_aws(stack: str) -> "tuple[SQSClient, str, str]":
    """Return the queues of a stack in the account that the shell's credentials are for. Raises LocalStackError."""
    try:
        made = cloudformation.outputs(boto3.client("cloudformation"), stack)
        return boto3.client("sqs"), made["SyncDeadLetterQueueUrl"], made["SyncQueueUrl"]
    except (BotoCoreError, ClientError) as error:
        raise LocalStackError(f"the stack {stack} can't be read: {error}") from error


def redrive(sqs: "SQSClient", source: str, target: str) -> int:
    """Send what is in the queue ``source`` now to ``target``; returns how many messages that were."""
    count = 0
    for message in _messages(sqs, source):
        print(_description(message))
        sqs.send_message(**_copy(message, target))
        # Only now: a message that is there twice does no harm.
        sqs.delete_message(QueueUrl=source, ReceiptHandle=message["ReceiptHandle"])
        count += 1
    return count


def show(sqs: "SQSClient", source: str) -> int:
    """Show what is in the queue ``source`` now; returns how many messages that were."""
    messages = list(_messages(sqs, source))
    for message in messages:
        print(_description(message))
        sqs.change_message_visibility(QueueUrl=source, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    return len(messages)


def _messages(sqs: "SQSClient", url: str) -> "Iterator[MessageTypeDef]":
    """Receive as many messages as there are now: one that fails again comes back, and is not chased."""
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])["Attributes"]
    remaining = int(attributes["ApproximateNumberOfMessages"])
    while remaining > 0:
        received = sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=min(remaining, _MOST_AT_ONCE),
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["MessageGroupId"],
            VisibilityTimeout=_HIDDEN_SECONDS,
            WaitTimeSeconds=1,
        ).get("Messages", [])
        if not received:
            return
        yield from received
        remaining -= len(received)


def _copy(message: "MessageTypeDef", target: str) -> "SendMessageRequestTypeDef":
    request: SendMessageRequestTypeDef = {"QueueUrl": target, "MessageBody": message["Body"]}
    if attributes := message.get("MessageAttributes"):
        request["MessageAttributes"] = attributes
    if group := message.get("Attributes", {}).get("MessageGroupId"):
        request["MessageGroupId"] = group
    return request


def _description(message: "MessageTypeDef") -> str:
    # Without a reason it was SQS that moved it.
    reason = _text(message, "reason") or "received too often"
    return f"{message['MessageId']}  {reason}  {_text(message, 'detail')}".rstrip()


def _text(message: "MessageTypeDef", name: str) -> str:
    attributes = message.get("MessageAttributes", {})
    return attributes[name].get("StringValue", "") if name in attributes else ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m dev.redrive", description="Takes dead letters back to SyncQueue.")
    parser.add_argument("--stack", help="a stack on AWS; without it, the local one")
    parser.add_argument("--dry-run", action="store_true", help="only show what is there")
    return parser


if __name__ == "__main__":
    with told():
        main()
