"""The messages of SyncQueue: what the receiver and the clock say to the worker."""

import base64
import json
from datetime import datetime
from typing import Literal

from typing_extensions import TypedDict  # pydantic takes typing's own only from Python 3.12 on

from codat_sync.core.errors import TooLargeError
from codat_sync.core.identifiers import is_identifier
from codat_sync.core.timestamps import format_instant
from codat_sync.webhooks.events import Concern, essentials, parse_body, read_webhook

# SQS takes 1 MiB, attributes included: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
# The rest is room for the attributes with which a message is set aside.
LIMIT_BYTES = 1024 * 1024 - 8 * 1024


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
    """That something is due: a company, a sync of its, or the parts of a ``run``.

    ``version`` is the one that was seen to be due: what has moved on since is not. 0 is that of a sync without a
    document, which Codat lists.
    """

    v: Literal[1]
    kind: Literal["check"]
    companyId: str
    syncId: str | None
    run: str | None
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


def webhook_message(body: bytes, *, webhook_id: str, received_at: datetime, correlation_id: str) -> WebhookMessage:
    """Return the message for an authentic webhook, small enough for the queue.

    An event of a sync that is too large goes without all that the worker asks Codat for anyway. The ids are filled in
    where they are ids; whether the event makes sense is the worker's business.

    Raises TooLargeError for another event that does not fit.
    """
    event = parse_body(body)
    webhook = read_webhook(event) if event else None
    message: WebhookMessage = {
        "v": 1,
        "kind": "webhook",
        "companyId": webhook.company_id if webhook and is_identifier(webhook.company_id) else None,
        "syncId": webhook.sync_id if webhook and is_identifier(webhook.sync_id) else None,
        "webhookId": webhook_id,
        "receivedAt": format_instant(received_at),
        "correlationId": correlation_id,
        "raw": base64.b64encode(body).decode(),
    }
    if _fits(message):
        return message
    if webhook is None or webhook.concern is not Concern.SYNC:
        raise TooLargeError(f"{len(body)} bytes, and no event of a sync")
    message["raw"] = base64.b64encode(json.dumps(essentials(webhook)).encode()).decode()
    return message


def encode(message: Message | RetryMessage) -> str:
    """Return the message as the text that is sent: ASCII, so that its length is its size in bytes."""
    return json.dumps(message, separators=(",", ":"))


def _fits(message: WebhookMessage) -> bool:
    return len(encode(message)) <= LIMIT_BYTES
