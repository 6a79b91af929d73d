"""The messages of SyncQueue: what the receiver and the clock say to the worker."""

import json
from typing import Literal

from typing_extensions import TypedDict  # pydantic takes typing's own only from Python 3.12 on

# SQS takes 1 MiB, attributes included: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
# The rest is room for the attributes with which a message is set aside.
MAX_MESSAGE_BYTES = 1024 * 1024 - 8 * 1024


class WebhookMessage(TypedDict):
    """A webhook, as JSON. ``raw`` is its body as it came, base64."""

    v: Literal[1]
    kind: Literal["webhook"]
    companyId: str | None
    syncId: str | None
    webhookId: str
    receivedAt: str
    correlationId: str
    raw: str


class CheckMessage(TypedDict):
    """That something is due: a company, a sync of its, or the parts of the run ``partRunId``.

    ``version`` is the one that was seen to be due: what has moved on since is not. 0 is that of a sync without a
    document, which Codat lists.
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
    """That the failed transactions of a sync are to be planned (anew). A message of RetryQueue."""

    v: Literal[1]
    kind: Literal["retry"]
    companyId: str
    syncId: str
    correlationId: str


def encode_message(message: Message | RetryMessage) -> str:
    """Return the message as the text that is sent: ASCII, so that its length is its size in bytes."""
    return json.dumps(message, separators=(",", ":"))
