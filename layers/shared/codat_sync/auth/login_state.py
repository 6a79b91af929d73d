"""Model a login attempt, stored in a cookie while the user is at the issuer."""

import hmac
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import ClassVar

from codat_sync.auth.safe_redirect import safe_redirect_path


@dataclass(frozen=True, slots=True)
class LoginState:
    """A login attempt. ``state`` must return with the user, ``nonce`` in the token; ``verifier`` redeems the code."""

    lifetime: ClassVar[timedelta] = timedelta(minutes=10)

    state: str
    nonce: str
    verifier: str
    next_path: str

    @property
    def challenge(self) -> str:
        """The PKCE code challenge of the verifier (RFC 7636, 4.2, S256)."""
        return urlsafe_b64encode(sha256(self.verifier.encode()).digest()).decode().rstrip("=")

    def is_state_valid(self, state: str) -> bool:
        """Return whether a callback belongs to this attempt, and not to one begun by somebody else."""
        return hmac.compare_digest(state.encode(errors="replace"), self.state.encode())


def begin_login(next_path: str) -> LoginState:
    """Create an attempt that leads to ``next_path``, if that is a path of this site."""
    state, nonce, verifier = (secrets.token_urlsafe() for _ in range(3))
    return LoginState(state, nonce, verifier, safe_redirect_path(next_path))
