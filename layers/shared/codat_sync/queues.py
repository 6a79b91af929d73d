"""The queues: what is sent to them, and how."""

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from codat_sync.errors import PoisonError, QueueUnavailableError
from codat_sync.message import Message, encode

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageRequestTypeDef

# How many characters of a reason's detail go with a message: enough for a person, within the room the message left.
_LONGEST_DETAIL = 1000


class SyncQueue:
    """The queue from the receiver to the worker."""

    def __init__(self, client: "SQSClient", url: str) -> None:
        self._client = client
        self._url = url

    def send(self, message: Message) -> None:
        """Put ``message`` on the queue, its company as message group, so that no company waits for another's flood.

        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html
        Raises QueueUnavailableError.
        """
        _send(self._client, _request(self._url, encode(message), message["companyId"]))


class DeadLetterQueue:
    """Where a message goes that no retry cures."""

    def __init__(self, client: "SQSClient", url: str) -> None:
        self._client = client
        self._url = url

    def set_aside(self, body: str, group: str | None, poison: PoisonError) -> None:
        """Put the message ``body`` aside as it came, with the reason as attributes. Raises QueueUnavailableError."""
        request = _request(self._url, body, group)
        request["MessageAttributes"] = {
            "reason": {"DataType": "String", "StringValue": poison.reason},
            "detail": {"DataType": "String", "StringValue": _sendable(poison.detail)},
        }
        _send(self._client, request)


def _request(url: str, body: str, group: str | None) -> "SendMessageRequestTypeDef":
    request: SendMessageRequestTypeDef = {"QueueUrl": url, "MessageBody": body}
    if group:
        request["MessageGroupId"] = group
    return request


def _send(client: "SQSClient", request: "SendMessageRequestTypeDef") -> None:
    try:
        client.send_message(**request)
    except (ClientError, BotoCoreError) as error:
        raise QueueUnavailableError(f"the queue did not take the message: {error}") from error


def _sendable(text: str) -> str:
    # SQS refuses control characters and empty values.
    return "".join(c if c.isprintable() else " " for c in text[:_LONGEST_DETAIL]) or "-"
