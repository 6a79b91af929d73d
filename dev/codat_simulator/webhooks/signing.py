"""How Codat signs a webhook: the Standard Webhooks, by their own library."""

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
    """A webhook as it goes over the wire; the signature holds for these bytes only."""

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
    at = at.astimezone(UTC)  # the library takes any time for UTC
    signatures = [Webhook(secret).sign(webhook_id, at, body.decode()) for secret in signing_secrets]
    signed = {
        "Content-Type": "application/json",
        f"{headers}-id": webhook_id,
        f"{headers}-timestamp": str(int(at.timestamp())),
        f"{headers}-signature": " ".join(signatures),
    }
    return SignedWebhook(webhook_id, signed, body)


def new_webhook_id() -> str:
    """Make an id in the form of Svix's."""
    return "msg_" + "".join(secrets.choice(_ALPHABET) for _ in range(27))
