"""Define the queue messages that the receiver and the clock send."""

import json
from typing import Literal

from typing_extensions import TypedDict  # pydantic requires it before Python 3.12

# SQS allows 1 MiB, including attributes: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
# The rest is reserved for the attributes that a message gets in the dead-letter queue.
MAX_MESSAGE_BYTES = 1024 * 1024 - 8 * 1024


class WebhookMessage(TypedDict):
    """A webhook, as JSON. ``raw`` is its unmodified body in base64."""

    v: Literal[1]
    kind: Literal["webhook"]
    companyId: str | None
    syncId: str | None
    webhookId: str
    receivedAt: str
    correlationId: str
    raw: str


class CheckMessage(TypedDict):
    """A due check of a company, one of its syncs, or the parts of the run ``partRunId``.

    ``version`` is the version that was due: if it has changed since, the check is outdated. 0 stands for a sync that
    Codat lists and that has no record yet.
    """

    v: Literal[1]
    kind: Literal["check"]
    companyId: str
    syncId: str | None
    partRunId: str | None
    version: int | None
    correlationId: str


Message = WebhookMessage | CheckMessage


class RetryMessage(TypedDict):
    """A request to plan, or plan again, the retry of a sync's failed transactions. A message of RetryQueue."""

    v: Literal[1]
    kind: Literal["retry"]
    companyId: str
    syncId: str
    correlationId: str


class SubmissionMessage(TypedDict):
    """A request to look up the outcome of a submission. A message of RetryQueue."""

    v: Literal[1]
    kind: Literal["submission"]
    companyId: str
    submissionId: str
    correlationId: str


class BulkRetryMessage(TypedDict):
    """A request to retry a sync of a bulk retry, or, without one, to select its syncs. A message of RetryQueue.

    ``companyId`` is empty if the bulk retry is not limited to a company.
    """

    v: Literal[1]
    kind: Literal["bulkRetry"]
    companyId: str
    bulkRetryId: str
    syncId: str | None
    correlationId: str


RetryQueueMessage = RetryMessage | SubmissionMessage | BulkRetryMessage


def encode_message(message: Message | RetryQueueMessage) -> str:
    """Encode the message as ASCII JSON, so that its length is its size in bytes."""
    return json.dumps(message, separators=(",", ":"))
