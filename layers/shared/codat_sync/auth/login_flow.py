"""Signing in and out: OpenID Connect's authorization-code flow with PKCE.

What a person brings back counts only in the browser that began it (``state``, in a cookie), once (the issuer takes a
code once, and only with the verifier), and for the token that was made for it (``nonce``).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from codat_sync.auth.id_token import ExpectedClaims, read_id_token
from codat_sync.auth.login_state import LoginState, begin_login
from codat_sync.auth.roles import viewer_from_claims
from codat_sync.auth.safe_redirect import HOME
from codat_sync.auth.session import Session, create_session
from codat_sync.core.errors import IdentityProviderError, LoginFailedError, SecretUnavailableError

if TYPE_CHECKING:
    from aws_lambda_powertools.shared.cookies import Cookie

    from codat_sync.auth.oidc_client import OidcClient
    from codat_sync.auth.signed_cookie import SignedCookie

CALLBACK_PATH = "/login/callback"
# What RFC 6749, 4.1.2.1 has an issuer say; anything else is not quoted.
_ERROR = re.compile(r"[a-z_]{1,40}")


@dataclass(frozen=True, slots=True)
class Redirect:
    """Where a browser is sent, and the cookies that it is to keep or to forget."""

    location: str
    cookies: tuple["Cookie", ...]


@dataclass(frozen=True, slots=True)
class LoginFlow:
    """How people sign in. ``base_url`` is, throughout, where they reach the pages, without a slash at the end."""

    provider: "OidcClient"
    login_states: "SignedCookie[LoginState]"
    sessions: "SignedCookie[Session]"
    roles_claims: tuple[str, ...]
    now: Callable[[], datetime]

    def begin(self, base_url: str, next_path: str) -> Redirect:
        """Send somebody to the issuer. Raises IdentityProviderError, SecretUnavailableError."""
        attempt = begin_login(next_path, self.now())
        location = self.provider.authorize_url(attempt, base_url + CALLBACK_PATH)
        return Redirect(location, (self.login_states.write(attempt),))

    def finish(self, base_url: str, query: Mapping[str, str], cookies: Mapping[str, str]) -> Redirect:
        """Begin the session of somebody whom the issuer has sent back, whatever roles they have.

        Raises LoginFailedError, IdentityProviderError, SecretUnavailableError.
        """
        attempt = self.login_states.read(cookies)
        if attempt is None or not attempt.is_state_valid(query.get("state", "")):
            raise LoginFailedError("it was begun more than ten minutes ago, in another window or in another browser")
        if "code" not in query:
            told = query.get("error", "")
            raise LoginFailedError(f"the issuer said {told if _ERROR.fullmatch(told) else 'nothing that is known'}")
        answer = self.provider.exchange_code(query["code"], attempt, base_url + CALLBACK_PATH)
        expected = ExpectedClaims(self.provider.issuer, answer.client_id, attempt.nonce)
        claims = read_id_token(answer.id_token, expected, self.now())
        session = create_session(viewer_from_claims(claims, self.roles_claims), self.now())
        return Redirect(base_url + attempt.next_path, (self.sessions.write(session), self.login_states.expire()))

    def end(self, base_url: str) -> Redirect:
        """Sign somebody out: here, and at the issuer if it has a way and answers.

        An answer to a form must not redirect there at once: `form-action` of the pages' policy holds for where a form
        is redirected to as well. Answer with a page and `Refresh: 0; url=…`.
        """
        try:
            location = self.provider.end_session_url(base_url + HOME)
        except (IdentityProviderError, SecretUnavailableError):
            location = None  # Here they are signed out all the same.
        return Redirect(location or base_url + HOME, (self.sessions.expire(), self.login_states.expire()))
