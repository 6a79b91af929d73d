"""Read and validate the claims of an ID token.

The signature is not verified: the token comes directly from the issuer over TLS, in response to our own request, where
OpenID Connect makes that optional (OpenID Connect Core 3.1.3.7, 6). Never use this for a token from any other source.
"""

import hmac
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from codat_sync.auth.roles import Claims
from codat_sync.core.errors import LoginFailedError
from codat_sync.core.json_object import parse_object

_CLOCK_SKEW_SECONDS = 60
# A token that expires later has a wrong time, such as one in milliseconds.
_MAX_LIFETIME_SECONDS = 366 * 86_400
_MAX_SUBJECT_CHARACTERS = 255  # OpenID Connect Core 2


@dataclass(frozen=True, slots=True)
class ExpectedClaims:
    """The required issuer, audience and nonce of a token."""

    issuer: str
    client_id: str
    nonce: str


def read_id_token(token: str, expected: ExpectedClaims, now: datetime) -> Claims:
    """Return the validated claims of ``token``. Raises LoginFailedError that names the invalid claims."""
    claims = _claims(token)
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    expires_at, subject = claims.get("exp"), claims.get("sub")
    is_for_us = expected.client_id in audiences
    # OpenID Connect Core 3.1.3.7, 4 and 5: a token with several audiences names its authorized party.
    is_ours = claims.get("azp", expected.client_id if len(audiences) == 1 else None) == expected.client_id
    is_in_time = (
        isinstance(expires_at, int | float)
        and -_CLOCK_SKEW_SECONDS < expires_at - now.timestamp() <= _MAX_LIFETIME_SECONDS
    )
    wrong = {
        "iss": claims.get("iss") != expected.issuer,
        "aud": not is_for_us,
        "azp": not is_ours,
        "exp": not is_in_time,
        "nonce": not hmac.compare_digest(str(claims.get("nonce")).encode(errors="replace"), expected.nonce.encode()),
        "sub": not (isinstance(subject, str) and 0 < len(subject) <= _MAX_SUBJECT_CHARACTERS),
    }
    if any(wrong.values()):
        raise LoginFailedError(f"the token's {', '.join(name for name in wrong if wrong[name])} is invalid")
    return claims


def _claims(token: str) -> dict[str, Any]:
    _, _, rest = token.partition(".")
    payload = rest.partition(".")[0]
    try:
        claims = parse_object(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except ValueError:  # not base64
        claims = None
    if claims is None:
        raise LoginFailedError("the token is malformed")
    return claims
