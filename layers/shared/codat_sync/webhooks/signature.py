"""Verify that a request comes from Codat: Standard Webhooks, over the raw bytes of the body.

Codat sends each value as ``webhook-*`` and, through Svix, as ``svix-*``. Customers may configure an additional
``Authorization`` value (https://docs.codat.io/using-the-api/webhooks/receive-webhooks).
"""

import hmac
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook, WebhookVerificationError

from codat_sync.core.errors import SecretUnavailableError, WebhookAuthenticationError

_PREFIXES = ("webhook-", "svix-")
_NAMES = ("id", "timestamp", "signature")
# Of the list of signatures, only those of this form can match: 32 bytes in base64, of the version in use.
_SIGNATURE = re.compile(r"v1,[A-Za-z0-9+/]{43}=", re.ASCII)


@dataclass(frozen=True, slots=True)
class SigningSecrets:
    """The content of the receiver's secret. A signature of any signing secret is valid, to allow rotation."""

    verifiers: tuple[Webhook, ...]
    authorization: bytes


def parse_signing_secrets(text: str) -> SigningSecrets:
    """Parse ``{"signingSecrets": ["whsec_…", …], "authorization": null}``.

    Raises SecretUnavailableError, without quoting the text, if it is invalid or holds no signing secret.
    """
    try:
        value = json.loads(text)
        verifiers = tuple(Webhook(secret.strip()) for secret in value["signingSecrets"])
        authorization = (value.get("authorization") or "").encode()
    except (ValueError, LookupError, TypeError, AttributeError, EmptyWebhookSecretError):
        # `from None`: the cause's message may quote the secret.
        raise SecretUnavailableError(
            'the secret is not {"signingSecrets": ["whsec_…", …], "authorization": null}'
        ) from None
    if not verifiers:
        raise SecretUnavailableError("the secret holds no signing secret yet")
    return SigningSecrets(verifiers, authorization)


def verify(secrets: SigningSecrets, headers: Mapping[str, str], body: bytes) -> str:
    """Verify that one of ``secrets`` signed ``body`` within five minutes of now, and return the webhook's id.

    Header names are case-insensitive. Raises WebhookAuthenticationError.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    configured = secrets.authorization
    if configured and not hmac.compare_digest(lowered.get("authorization", "").encode(), configured):
        raise WebhookAuthenticationError("the Authorization header does not match the configured value")
    families = list(_signed_headers(lowered))
    if not families:
        raise WebhookAuthenticationError("the signature's headers are not complete")
    for signed in families:
        if any(_is_signed_by(verifier, signed, body) for verifier in secrets.verifiers):
            return signed["webhook-id"]
    raise WebhookAuthenticationError("no signature matches")


def _signed_headers(headers: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Yield each complete family of headers, under its ``webhook-*`` names. Malformed signatures are left out.

    The library rejects all signatures of a list with a malformed one before the valid one.
    """
    for prefix in _PREFIXES:
        found = {f"webhook-{name}": headers.get(prefix + name, "") for name in _NAMES}
        if all(found.values()):
            signatures = filter(_SIGNATURE.fullmatch, found["webhook-signature"].split())
            yield found | {"webhook-signature": " ".join(signatures)}


def _is_signed_by(verifier: Webhook, headers: dict[str, str], body: bytes) -> bool:
    try:
        verifier.verify(body, headers, json_parse=False)
    # ValueError: the library leaks it for malformed headers and for a body that is not UTF-8.
    except (WebhookVerificationError, ValueError):
        return False
    return True
