"""Send messages to the SQS queues."""

from collections.abc import Sequence
from itertools import count
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from codat_sync.core.errors import PoisonMessageError, QueueUnavailableError
from codat_sync.core.iterables import batched
from codat_sync.messaging.messages import Message, RetryQueueMessage, encode_message

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef, SendMessageRequestTypeDef

_SEND_AT_ONCE = 10  # SQS's limit for a batch


class SyncQueue:
    """The queue from the receiver and the clock to the worker."""

    def __init__(self, client: "SQSClient", url: str) -> None:
        self._client = client
        self._url = url

    def send(self, message: Message) -> None:
        """Enqueue ``message`` with its company as message group, so that no company is delayed by another's backlog.

        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html
        Raises QueueUnavailableError.
        """
        _send(self._client, _request(self._url, encode_message(message), message["companyId"]))

    def depth(self) -> int:
        """Return the approximate number of messages on the queue. Raises QueueUnavailableError."""
        try:
            answer = self._client.get_queue_attributes(
                QueueUrl=self._url, AttributeNames=["ApproximateNumberOfMessages"]
            )
        except (ClientError, BotoCoreError) as error:
            raise QueueUnavailableError(f"the queue's depth can't be read: {error}") from error
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])

    def send_all(self, messages: Sequence[Message | RetryQueueMessage]) -> int:
        """Enqueue ``messages`` and return how many of them were accepted. Raises QueueUnavailableError."""
        requests = [_request(self._url, encode_message(message), message["companyId"]) for message in messages]
        return sum(self._send_batch(some) for some in batched(requests, _SEND_AT_ONCE))

    def _send_batch(self, requests: "Sequence[SendMessageRequestTypeDef]") -> int:
        try:
            answer = self._client.send_message_batch(QueueUrl=self._url, Entries=list(map(_entry, count(), requests)))
        except (ClientError, BotoCoreError) as error:
            raise QueueUnavailableError(f"the queue did not accept the messages: {error}") from error
        return len(answer.get("Successful", ()))


class RetryQueue(SyncQueue):
    """The queue from the clock to retry."""


class MessageVisibility:
    """Control when a failed message of SyncQueue is redelivered."""

    def __init__(self, client: "SQSClient", url: str) -> None:
        self._client = client
        self._url = url

    def postpone(self, receipt_handle: str, seconds: int) -> None:
        """Redeliver a message after so many seconds instead of the queue's visibility time-out.

        Raises QueueUnavailableError.
        """
        try:
            self._client.change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=receipt_handle, VisibilityTimeout=seconds
            )
        except (ClientError, BotoCoreError) as error:
            raise QueueUnavailableError(f"the queue did not postpone the message: {error}") from error


class DeadLetterQueue:
    """The queue of messages that no retry can fix."""

    def __init__(self, client: "SQSClient", url: str) -> None:
        self._client = client
        self._url = url

    def send(self, body: str, group: str | None, poison: PoisonMessageError) -> None:
        """Send the unmodified message ``body``, with the reason as attributes. Raises QueueUnavailableError."""
        request = _request(self._url, body, group)
        request["MessageAttributes"] = {
            "reason": {"DataType": "String", "StringValue": poison.reason},
            "detail": {"DataType": "String", "StringValue": _sanitize(poison.detail)},
        }
        _send(self._client, request)


def _request(url: str, body: str, group: str | None) -> "SendMessageRequestTypeDef":
    request: SendMessageRequestTypeDef = {"QueueUrl": url, "MessageBody": body}
    if group:
        request["MessageGroupId"] = group
    return request


def _entry(number: int, request: "SendMessageRequestTypeDef") -> "SendMessageBatchRequestEntryTypeDef":
    entry: SendMessageBatchRequestEntryTypeDef = {"Id": str(number), "MessageBody": request["MessageBody"]}
    if "MessageGroupId" in request:
        entry["MessageGroupId"] = request["MessageGroupId"]
    return entry


def _send(client: "SQSClient", request: "SendMessageRequestTypeDef") -> None:
    try:
        client.send_message(**request)
    except (ClientError, BotoCoreError) as error:
        raise QueueUnavailableError(f"the queue did not accept the message: {error}") from error


def _sanitize(text: str) -> str:
    # SQS rejects control characters and empty values.
    return "".join(c if c.isprintable() else " " for c in text) or "-"
