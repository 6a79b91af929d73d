"""What was set aside: the dead-letter queues as a person deals with them, and the record of what was dropped."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from codat_sync.dead_letter import RECEIVED_TOO_OFTEN, DeadLetter, Drop, ids_of
from codat_sync.errors import QueueUnavailableError
from codat_sync.instant import format_instant
from codat_sync.keys import dropped_key
from codat_sync.table import Table
from codat_sync.tombstones import is_known

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef, SendMessageRequestTypeDef

_VERSION = 1
# How long a letter is hidden from others, and from our next look, while it is dealt with.
_HIDDEN_SECONDS = 120
_MOST_AT_ONCE = 10  # that SQS hands over
_KEPT = timedelta(days=365)
# In bytes: an item of DynamoDB's holds 400 KB.
_LONGEST_BODY = 350_000


class SetAside:
    """A dead-letter queue, and the queue that its messages came from, if it was one.

    All of it raises QueueUnavailableError.
    """

    def __init__(self, client: "SQSClient", name: str, *, url: str, source_url: str | None) -> None:
        self._client = client
        self._name = name
        self._url = url
        self._source_url = source_url

    @property
    def leads_back(self) -> bool:
        """Whether its messages can be put back."""
        return self._source_url is not None

    def letters(self) -> Iterator[DeadLetter]:
        """Yield as many letters as there are now, hidden from others: one that fails again is not chased."""
        remaining = self._count()
        while remaining > 0 and (received := self._receive(min(remaining, _MOST_AT_ONCE))):
            for message in received:
                yield self._letter(message)
            remaining -= len(received)

    def put_back(self, letter: DeadLetter) -> None:
        """Send a letter to where it came from, as it was, and take it out here.

        In this order: a message that is there twice does no harm. The reason goes: if it fails again, it has another.
        """
        request: SendMessageRequestTypeDef = {"QueueUrl": self._source_url or "", "MessageBody": letter.body}
        if letter.group:
            request["MessageGroupId"] = letter.group
        with _told():
            self._client.send_message(**request)
        self.take_out(letter)

    def take_out(self, letter: DeadLetter) -> None:
        """Delete a letter. What was to be known of it has to be written before."""
        with _told():
            self._client.delete_message(QueueUrl=self._url, ReceiptHandle=letter.receipt_handle)

    def leave(self, letter: DeadLetter) -> None:
        """Let others see a letter again."""
        with _told():
            self._client.change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=letter.receipt_handle, VisibilityTimeout=0
            )

    def _count(self) -> int:
        with _told():
            answer = self._client.get_queue_attributes(
                QueueUrl=self._url, AttributeNames=["ApproximateNumberOfMessages"]
            )
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])

    def _receive(self, most: int) -> "list[MessageTypeDef]":
        with _told():
            return self._client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=most,
                MessageAttributeNames=["reason", "detail"],
                MessageSystemAttributeNames=["MessageGroupId", "SentTimestamp"],
                VisibilityTimeout=_HIDDEN_SECONDS,
                WaitTimeSeconds=1,
            ).get("Messages", [])

    def _letter(self, message: "MessageTypeDef") -> DeadLetter:
        attributes, group = message["Attributes"], message["Attributes"].get("MessageGroupId")
        company_id, sync_id = ids_of(message["Body"], group)
        return DeadLetter(
            queue=self._name,
            message_id=message["MessageId"],
            reason=_text(message, "reason") or RECEIVED_TOO_OFTEN,
            detail=_text(message, "detail"),
            sent_at=datetime.fromtimestamp(int(attributes["SentTimestamp"]) / 1000, UTC),
            group=group,
            company_id=company_id,
            sync_id=sync_id,
            body=message["Body"],
            receipt_handle=message["ReceiptHandle"],
        )


class DroppedLetters:
    """The record of letters that a person dropped, in SyncTable, beside the company's for a year."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def put(self, letter: DeadLetter, drop: Drop) -> None:
        """Write down a letter, whole if an item can hold it, and who drops it, when and why. Can be repeated.

        Of a company that was forgotten, only that there was one.
        """
        body = letter.body.encode()
        if letter.company_id and not is_known(self._table, letter.company_id):
            letter = replace(letter, company_id=None, sync_id=None, detail="", body="")
        item = dropped_key(letter.company_id, letter.message_id) | {
            "v": _VERSION,
            "queue": letter.queue,
            "syncId": letter.sync_id,
            "reason": letter.reason,
            "detail": letter.detail,
            "sentAt": format_instant(letter.sent_at),
            "why": drop.why,
            "by": drop.by,
            "droppedAt": format_instant(drop.at),
            "body": (letter.body or None) if len(body) <= _LONGEST_BODY else None,
            "sha256": hashlib.sha256(body).hexdigest(),
            "expiresAt": int((drop.at + _KEPT).timestamp()),
        }
        self._table.put(item, {})


def _text(message: "MessageTypeDef", name: str) -> str:
    attributes = message.get("MessageAttributes", {})
    return attributes[name].get("StringValue", "") if name in attributes else ""


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise QueueUnavailableError(f"the dead-letter queue does not do it: {error}") from error
