"""Verify that a request comes from Codat: Standard Webhooks, over the raw bytes of the body.

Codat sends each value as ``webhook-*`` and, through Svix, as ``svix-*``. Customers may configure an additional
``Authorization`` value (https://docs.codat.io/using-the-api/webhooks/receive-webhooks).
"""

import hmac
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from codat_sync.core.errors import SignatureMismatchError, WebhookAuthenticationError
from codat_sync.core.pasted_secrets import read_signing_secrets

_PREFIXES = ("webhook-", "svix-")
_NAMES = ("id", "timestamp", "signature")
# Of the list of signatures, only those of this form can match: 32 bytes in base64, of the version in use.
_SIGNATURE = re.compile(r"v1,[A-Za-z0-9+/]{43}=", re.ASCII)
_TIMESTAMP = re.compile(r"[0-9]{1,12}", re.ASCII)
# In seconds, as the library has it.
_TOLERANCE = 300


@dataclass(frozen=True, slots=True)
class SigningSecrets:
    """The content of the receiver's secret. A signature of any signing secret is valid, to allow rotation.

    ``doubt`` says why a webhook that none of them signed may be genuine all the same; None if it can't be.
    """

    verifiers: tuple[Webhook, ...]
    authorization: bytes
    doubt: str | None


def parse_signing_secrets(text: str) -> SigningSecrets:
    """Parse ``{"signingSecrets": ["whsec_…", …], "authorization": null}``.

    With ``"rotating": true``, what none of the secrets signed is not rejected but has to be sent again. Raises
    SecretUnavailableError, without quoting the text, if it is invalid or holds no signing secret.
    """
    secrets, authorization, doubt = read_signing_secrets(text)
    return SigningSecrets(tuple(map(Webhook, secrets)), authorization.encode(errors="replace"), doubt)


def verify(secrets: SigningSecrets, headers: Mapping[str, str], body: bytes) -> str:
    """Verify that one of ``secrets`` signed ``body`` within five minutes of now, and return the webhook's id.

    Header names are case-insensitive. Raises WebhookAuthenticationError; of this kind SignatureMismatchError if other
    secrets might verify the request: one with malformed or expired headers is invalid whatever the secrets.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    families = list(_signed_headers(lowered))
    if not families:
        raise WebhookAuthenticationError("the signature's headers are not complete")
    error = SignatureMismatchError if any(map(_is_plausible, families)) else WebhookAuthenticationError
    configured = secrets.authorization
    sent = lowered.get("authorization", "").encode(errors="replace")
    if configured and not hmac.compare_digest(sent, configured):
        raise error("the Authorization header does not match the configured value")
    for signed in families:
        if any(_is_signed_by(verifier, signed, body) for verifier in secrets.verifiers):
            return signed["webhook-id"]
    raise error("no signature matches")


def _signed_headers(headers: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Yield each complete family of headers, under its ``webhook-*`` names. Malformed signatures are left out.

    The library rejects all signatures of a list with a malformed one before the valid one.
    """
    for prefix in _PREFIXES:
        found = {f"webhook-{name}": headers.get(prefix + name, "") for name in _NAMES}
        if all(found.values()):
            signatures = filter(_SIGNATURE.fullmatch, found["webhook-signature"].split())
            yield found | {"webhook-signature": " ".join(signatures)}


def _is_plausible(headers: Mapping[str, str]) -> bool:
    """Return whether there is a well-formed signature, and its time is now."""
    timestamp = headers["webhook-timestamp"]
    is_fresh = _TIMESTAMP.fullmatch(timestamp) and abs(time.time() - int(timestamp)) <= _TOLERANCE
    return bool(headers["webhook-signature"] and is_fresh)


def _is_signed_by(verifier: Webhook, headers: dict[str, str], body: bytes) -> bool:
    try:
        verifier.verify(body, headers, json_parse=False)
    # ValueError: the library leaks it for malformed headers and for a body that is not UTF-8.
    except (WebhookVerificationError, ValueError):
        return False
    return True
