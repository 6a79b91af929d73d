"""Whether a request comes from Codat: Standard Webhooks, over the raw bytes of the body.

Codat's service sends each value under ``webhook-*`` and, as Svix, under ``svix-*``. A customer may have it add an
``Authorization`` value of his choice (https://docs.codat.io/using-the-api/webhooks/receive-webhooks).
"""

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass

from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook, WebhookVerificationError

from codat_sync.core.errors import SecretUnavailableError, WebhookAuthenticationError

_PREFIXES = ("webhook-", "svix-")
_NAMES = ("id", "timestamp", "signature")


@dataclass(frozen=True, slots=True)
class SigningSecrets:
    """What the receiver's secret holds: any of the secrets may have signed, so that one can be exchanged."""

    verifiers: tuple[Webhook, ...]
    authorization: bytes


def parse_signing_secrets(text: str) -> SigningSecrets:
    """Return what ``{"signingSecrets": ["whsec_…", …], "authorization": null}`` says.

    Raises SecretUnavailableError, without quoting any of it, if it is something else or holds no secret.
    """
    try:
        value = json.loads(text)
        verifiers = tuple(Webhook(secret.strip()) for secret in value["signingSecrets"])
        authorization = (value.get("authorization") or "").encode()
    except (ValueError, LookupError, TypeError, AttributeError, EmptyWebhookSecretError):
        # `from None`: the cause's text may quote the secret.
        raise SecretUnavailableError(
            'the secret is not {"signingSecrets": ["whsec_…", …], "authorization": null}'
        ) from None
    if not verifiers:
        raise SecretUnavailableError("the secret holds no signing secret yet")
    return SigningSecrets(verifiers, authorization)


def verify(secrets: SigningSecrets, headers: Mapping[str, str], body: bytes) -> str:
    """Return the webhook's id if one of ``secrets`` signed ``body`` within five minutes of now.

    ``headers`` may be in any letter case. Raises WebhookAuthenticationError.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    agreed = secrets.authorization
    if agreed and not hmac.compare_digest(lowered.get("authorization", "").encode(), agreed):
        raise WebhookAuthenticationError("the Authorization header is not the agreed one")
    signed = _signed_headers(lowered)
    if not any(_is_signed_by(verifier, signed, body) for verifier in secrets.verifiers):
        raise WebhookAuthenticationError("no signature matches")
    return signed["webhook-id"]


def _signed_headers(headers: Mapping[str, str]) -> dict[str, str]:
    for prefix in _PREFIXES:
        if all(headers.get(prefix + name) for name in _NAMES):
            return {f"webhook-{name}": headers[prefix + name] for name in _NAMES}
    raise WebhookAuthenticationError("the signature's headers are not complete")


def _is_signed_by(verifier: Webhook, headers: dict[str, str], body: bytes) -> bool:
    try:
        verifier.verify(body, headers, json_parse=False)
    # ValueError: what the library lets out about headers that are garbled, and a body that is no UTF-8.
    except (WebhookVerificationError, ValueError):
        return False
    return True
