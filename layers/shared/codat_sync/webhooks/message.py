"""Build the worker's queue message for an authenticated webhook."""

import base64
import json
from datetime import datetime

from codat_sync.core.errors import MessageTooLargeError
from codat_sync.core.identifiers import is_identifier
from codat_sync.core.json_object import parse_object
from codat_sync.core.timestamps import format_timestamp
from codat_sync.messaging.messages import MAX_MESSAGE_BYTES, WebhookMessage, encode_message
from codat_sync.webhooks.events import EventCategory, minimize_event, parse_webhook


def webhook_message(body: bytes, *, webhook_id: str, received_at: datetime, correlation_id: str) -> WebhookMessage:
    """Build the message for an authenticated webhook, small enough for the queue.

    A sync event that is too large is reduced to its ids, as the worker fetches the rest from Codat anyway. Ids are set
    only if they are valid; the worker validates the event itself.

    Raises MessageTooLargeError for any other event that is too large.
    """
    event = parse_object(body)
    webhook = parse_webhook(event, received_at) if event else None
    message: WebhookMessage = {
        "v": 1,
        "kind": "webhook",
        "companyId": webhook.company_id if webhook and is_identifier(webhook.company_id) else None,
        "syncId": webhook.sync_id if webhook and is_identifier(webhook.sync_id) else None,
        "webhookId": webhook_id,
        "receivedAt": format_timestamp(received_at),
        "correlationId": correlation_id,
        "raw": base64.b64encode(body).decode(),
    }
    if _fits(message):
        return message
    if webhook is None or webhook.category is not EventCategory.SYNC:
        raise MessageTooLargeError(f"{len(body)} bytes, and no event of a sync")
    message["raw"] = base64.b64encode(json.dumps(minimize_event(webhook)).encode()).decode()
    return message


def _fits(message: WebhookMessage) -> bool:
    return len(encode_message(message)) <= MAX_MESSAGE_BYTES
