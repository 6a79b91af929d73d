"""Access the dead-letter queues, and the records of dropped letters."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from codat_sync.aws.dynamodb import Attributes, Table
from codat_sync.aws.table_schema import dropped_key, dropped_partition
from codat_sync.companies.tombstones import is_not_erased
from codat_sync.core.errors import QueueUnavailableError
from codat_sync.core.iterables import batched
from codat_sync.core.timestamps import format_timestamp
from codat_sync.dead_letters.dead_letter import (
    MAX_RECEIVES_EXCEEDED,
    DeadLetter,
    DropDecision,
    DroppedLetter,
    extract_ids,
)

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType
    from mypy_boto3_sqs.type_defs import (
        ChangeMessageVisibilityBatchRequestEntryTypeDef,
        MessageTypeDef,
        SendMessageRequestTypeDef,
    )

_VERSION = 1
# How long a letter stays hidden from other receivers, including our own, while it is processed.
_VISIBILITY_SECONDS = 300
_BATCH_SIZE = 10  # Maximum that SQS returns per request.
_RETENTION = timedelta(days=365)
# In bytes: a DynamoDB item is limited to 400 KB.
_MAX_BODY_BYTES = 350_000


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """Approximate number of letters in a queue: available, and in flight with a receiver."""

    available: int
    in_flight: int


class DeadLetterQueueClient:
    """Client of a dead-letter queue and of its source queue, if it has one.

    All methods raise QueueUnavailableError.
    """

    def __init__(self, client: "SQSClient", name: str, *, url: str, source_url: str | None) -> None:
        self._client = client
        self._name = name
        self._url = url
        self._source_url = source_url

    @property
    def name(self) -> str:
        """Our name for the queue."""
        return self._name

    @property
    def is_redrivable(self) -> bool:
        """Whether its messages can be redriven to a source queue."""
        return self._source_url is not None

    def count(self) -> QueueDepth:
        """Return the approximate number of letters."""
        names: list[QueueAttributeNameType] = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        with _queue_errors():
            answer = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)
        return QueueDepth(*(int(answer["Attributes"][name]) for name in names))

    def letters(self, most: int) -> Iterator[list[DeadLetter]]:
        """Receive up to ``most`` letters in batches, each hidden from other receivers for five minutes."""
        while most > 0 and (received := self._receive(min(most, _BATCH_SIZE))):
            yield [self._letter(message) for message in received]
            most -= len(received)

    def redrive(self, letter: DeadLetter) -> None:
        """Send a letter back to its source queue unchanged, then delete it.

        In this order, as a duplicate message does no harm. The reason is removed: a new failure adds a new one.
        """
        request: SendMessageRequestTypeDef = {"QueueUrl": self._source_url or "", "MessageBody": letter.body}
        if letter.group:
            request["MessageGroupId"] = letter.group
        with _queue_errors():
            self._client.send_message(**request)
        self.delete(letter)

    def delete(self, letter: DeadLetter) -> None:
        """Delete a letter. Callers store a record first, if one is needed."""
        with _queue_errors():
            self._client.delete_message(QueueUrl=self._url, ReceiptHandle=letter.receipt_handle)

    def release(self, receipt_handles: Iterable[str]) -> None:
        """Make letters visible again. If SQS rejects one, it becomes visible when its timeout expires."""
        for some in batched(receipt_handles, _BATCH_SIZE):
            shown: list[ChangeMessageVisibilityBatchRequestEntryTypeDef] = [
                {"Id": str(number), "ReceiptHandle": handle, "VisibilityTimeout": 0}
                for number, handle in enumerate(some)
            ]
            with _queue_errors():
                self._client.change_message_visibility_batch(QueueUrl=self._url, Entries=shown)

    def _receive(self, most: int) -> "list[MessageTypeDef]":
        with _queue_errors():
            return self._client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=most,
                MessageAttributeNames=["reason", "detail"],
                MessageSystemAttributeNames=["MessageGroupId", "SentTimestamp"],
                VisibilityTimeout=_VISIBILITY_SECONDS,
                WaitTimeSeconds=1,
            ).get("Messages", [])

    def _letter(self, message: "MessageTypeDef") -> DeadLetter:
        attributes, group = message["Attributes"], message["Attributes"].get("MessageGroupId")
        company_id, sync_id = extract_ids(message["Body"], group)
        return DeadLetter(
            queue=self._name,
            message_id=message["MessageId"],
            reason=_text(message, "reason") or MAX_RECEIVES_EXCEEDED,
            detail=_text(message, "detail"),
            sent_at=datetime.fromtimestamp(int(attributes["SentTimestamp"]) / 1000, UTC),
            group=group,
            company_id=company_id,
            sync_id=sync_id,
            body=message["Body"],
            receipt_handle=message["ReceiptHandle"],
        )


class DroppedLetterRepository:
    """Store records of dropped letters in SyncTable, for a year."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def put(self, letter: DeadLetter, drop: DropDecision) -> None:
        """Store a dropped letter with who dropped it, when and why; its body only if it fits an item.

        For an erased company, only the fact that there was a letter is stored.
        """
        body = letter.body.encode()
        if letter.company_id and not is_not_erased(self._table, letter.company_id):
            letter = replace(letter, company_id=None, sync_id=None, detail="", body="")
        at = format_timestamp(drop.at)
        item = dropped_key(at, letter.message_id) | {
            "v": _VERSION,
            "queue": letter.queue,
            "companyId": letter.company_id,
            "syncId": letter.sync_id,
            "reason": letter.reason,
            "detail": letter.detail,
            "sentAt": format_timestamp(letter.sent_at),
            "why": drop.why,
            "by": drop.by,
            "droppedAt": at,
            "body": (letter.body or None) if len(body) <= _MAX_BODY_BYTES else None,
            "sha256": hashlib.sha256(body).hexdigest(),
            "expiresAt": int((drop.at + _RETENTION).timestamp()),
        }
        self._table.put(item, {})

    def latest(self, most: int) -> list[DroppedLetter]:
        """Load up to ``most`` latest records, newest first; fewer if those exceed 1 MB."""
        items, _ = self._table.query_page(dropped_partition(), None, most, newest_first=True)
        return [_dropped(item) for item in items]


def _dropped(item: Attributes) -> DroppedLetter:
    return DroppedLetter(
        queue=item["queue"],
        message_id=item["sk"].rpartition("#")[2],
        reason=item["reason"],
        company_id=item.get("companyId"),
        sync_id=item.get("syncId"),
        drop=DropDecision(item["why"], item["by"], datetime.fromisoformat(item["droppedAt"])),
    )


def _text(message: "MessageTypeDef", name: str) -> str:
    attributes = message.get("MessageAttributes", {})
    return attributes[name].get("StringValue", "") if name in attributes else ""


@contextmanager
def _queue_errors() -> Iterator[None]:
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise QueueUnavailableError(f"the dead-letter queue is unavailable: {error}") from error
