"""Verify webhooks and enqueue the authentic ones."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from codat_sync.core.errors import SignatureMismatchError, WebhookUnverifiableError
from codat_sync.messaging.messages import WebhookMessage
from codat_sync.webhooks.message import webhook_message
from codat_sync.webhooks.signature import SigningSecrets, verify

if TYPE_CHECKING:
    from codat_sync.aws.secrets import CachedSecret
    from codat_sync.messaging.queues import SyncQueue


def authenticate(headers: Mapping[str, str], body: bytes, signing: "CachedSecret[SigningSecrets]") -> str:
    """Verify a webhook's signature and return its id.

    A mismatch may mean that the secret was rotated, so it is read again, at a limited rate that forgeries can use up:
    then nothing can be decided, and Codat has to send the webhook again. Raises WebhookAuthenticationError;
    WebhookUnverifiableError and SecretUnavailableError if the signature can't be verified now.
    """
    try:
        return verify(signing.value(), headers, body)
    except SignatureMismatchError:
        secrets = signing.refresh()
    if secrets is None:
        raise WebhookUnverifiableError("no signature matches, and the secret was read again too often")
    try:
        return verify(secrets, headers, body)
    except SignatureMismatchError as mismatch:
        if secrets.doubt is None:
            raise
        raise WebhookUnverifiableError(f"{mismatch}, but {secrets.doubt}") from None


def enqueue(
    body: bytes, webhook_id: str, *, received_at: datetime, correlation_id: str, queue: "SyncQueue"
) -> WebhookMessage:
    """Enqueue an authenticated webhook and return its message.

    Raises MessageTooLargeError and QueueUnavailableError.
    """
    message = webhook_message(body, webhook_id=webhook_id, received_at=received_at, correlation_id=correlation_id)
    queue.send(message)
    return message
