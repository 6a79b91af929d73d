"""Sign users in and out with OpenID Connect's authorization code flow with PKCE.

A callback is valid only in the browser that began the login (``state``, in a cookie), once (the issuer accepts a code
once, and only with the verifier), and for the token issued for it (``nonce``).
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
# Format of error codes in RFC 6749, 4.1.2.1; anything else is not quoted.
_ERROR = re.compile(r"[a-z_]{1,40}")


@dataclass(frozen=True, slots=True)
class Redirect:
    """A redirect of the browser, with the cookies to set or expire."""

    location: str
    cookies: tuple["Cookie", ...]


@dataclass(frozen=True, slots=True)
class LoginFlow:
    """Sign users in and out. ``base_url`` is the public URL of the pages, without a trailing slash."""

    provider: "OidcClient"
    login_states: "SignedCookie[LoginState]"
    sessions: "SignedCookie[Session]"
    roles_claims: tuple[str, ...]
    now: Callable[[], datetime]

    def begin(self, base_url: str, next_path: str) -> Redirect:
        """Redirect a user to the issuer. Raises IdentityProviderError, SecretUnavailableError."""
        attempt = begin_login(next_path)
        location = self.provider.authorize_url(attempt, base_url + CALLBACK_PATH)
        return Redirect(location, (self.login_states.write(attempt),))

    def finish(self, base_url: str, query: Mapping[str, str], cookies: Mapping[str, str]) -> Redirect:
        """Create the session of a user whom the issuer sent back, whatever their roles.

        Raises LoginFailedError, IdentityProviderError, SecretUnavailableError.
        """
        attempt = self.login_states.read(cookies)
        if attempt is None or not attempt.is_state_valid(query.get("state", "")):
            raise LoginFailedError(
                "the login was started more than ten minutes ago, in another window or in another browser"
            )
        if "code" not in query:
            error = query.get("error", "")
            raise LoginFailedError(f"the issuer returned {error if _ERROR.fullmatch(error) else 'an unknown error'}")
        answer = self.provider.exchange_code(query["code"], attempt, base_url + CALLBACK_PATH)
        expected = ExpectedClaims(self.provider.issuer, answer.client_id, attempt.nonce)
        claims = read_id_token(answer.id_token, expected, self.now())
        session = create_session(viewer_from_claims(claims, self.roles_claims))
        return Redirect(base_url + attempt.next_path, (self.sessions.write(session), self.login_states.expire()))

    def end(self, base_url: str) -> Redirect:
        """Sign a user out here, and at the issuer if it supports that and is available.

        The response to a form must not redirect there directly: the pages' `form-action` policy also covers redirects
        of a form. Respond with a page and `Refresh: 0; url=…`.
        """
        try:
            location = self.provider.end_session_url(base_url + HOME)
        except (IdentityProviderError, SecretUnavailableError):
            location = None  # They are still signed out here.
        return Redirect(location or base_url + HOME, (self.sessions.expire(), self.login_states.expire()))
