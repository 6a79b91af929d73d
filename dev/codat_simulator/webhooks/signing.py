"""Sign webhooks as Codat does, with the Standard Webhooks library."""

import secrets
import string
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from standardwebhooks import Webhook

HeaderFamily = Literal["webhook", "svix"]

_ALPHABET = string.ascii_letters + string.digits


@dataclass(frozen=True)
class SignedWebhook:
    """A signed webhook; the signature is valid for exactly these bytes."""

    webhook_id: str
    headers: dict[str, str]
    body: bytes


def sign(
    body: bytes,
    signing_secrets: Sequence[str],
    *,
    webhook_id: str,
    at: datetime,
    headers: HeaderFamily = "webhook",
) -> SignedWebhook:
    """Sign with every secret: during a rotation Codat sends one signature for each."""
    at = at.astimezone(UTC)  # the library treats any time as UTC
    signatures = [Webhook(secret).sign(webhook_id, at, body.decode()) for secret in signing_secrets]
    signed = {
        "Content-Type": "application/json",
        f"{headers}-id": webhook_id,
        f"{headers}-timestamp": str(int(at.timestamp())),
        f"{headers}-signature": " ".join(signatures),
    }
    return SignedWebhook(webhook_id, signed, body)


def new_webhook_id() -> str:
    """Generate an id in Svix's format."""
    return "msg_" + "".join(secrets.choice(_ALPHABET) for _ in range(27))
