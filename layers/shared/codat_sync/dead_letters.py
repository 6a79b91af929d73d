"""The dead letters of one company: found among all, and deleted."""

from typing import TYPE_CHECKING

from codat_sync.mention import is_mentioned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

# How long a message is hidden, so that it is looked at once; those that are kept are shown again at the end.
_HIDDEN_SECONDS = 600
_AT_ONCE = 10  # SQS hands over no more


class DeadLetters:
    """The messages of a dead-letter queue."""

    def __init__(self, client: "SQSClient", url: str) -> None:
        self._client = client
        self._url = url

    def drop(self, company_id: str) -> int:
        """Delete what mentions a company, and return how many messages that were.

        Raises botocore's errors.
        """
        dropped, kept = 0, []
        for message in self._messages():
            if _is_of(message, company_id):
                self._client.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
                dropped += 1
            else:
                kept.append(message["ReceiptHandle"])
        for handle in kept:
            self._client.change_message_visibility(QueueUrl=self._url, ReceiptHandle=handle, VisibilityTimeout=0)
        return dropped

    def _messages(self) -> "Iterator[MessageTypeDef]":
        """Receive what there is now, each message once."""
        while received := self._client.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=_AT_ONCE,
            MessageSystemAttributeNames=["MessageGroupId"],
            VisibilityTimeout=_HIDDEN_SECONDS,
            WaitTimeSeconds=1,
        ).get("Messages"):
            yield from received


def _is_of(message: "MessageTypeDef", company_id: str) -> bool:
    is_in_group = message.get("Attributes", {}).get("MessageGroupId") == company_id
    return is_in_group or is_mentioned(company_id, message["Body"])
