"""Protect state-changing requests against cross-site request forgery."""

import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit

from codat_sync.auth.roles import UNAUTHENTICATED_VIEWER
from codat_sync.auth.session import Session
from codat_sync.core.errors import CsrfError

_THIS_MACHINE = {"localhost", "127.0.0.1", "::1"}


def require_csrf_token(session: Session, token: str, headers: Mapping[str, str], base_url: str) -> None:
    """Raise CsrfError unless the request carries the session's token and comes from our own pages.

    ``headers`` have lower-case names. `Origin` and `Sec-Fetch-Site` are checked if present. While authentication is
    off, one of them is required, as the token is no secret then.
    """
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if not hmac.compare_digest(token.encode(errors="replace"), session.csrf_token.encode()):
        raise CsrfError("the form's token is not of this session")
    if origin not in {None, origin_of(base_url)} or site not in {None, "same-origin"}:
        raise CsrfError("the request comes from another site")
    if session.viewer == UNAUTHENTICATED_VIEWER and origin is None and site is None:
        raise CsrfError("the request does not say where it comes from")
    if session.viewer == UNAUTHENTICATED_VIEWER and urlsplit(base_url).hostname not in _THIS_MACHINE:
        # DNS rebinding: another site's name can resolve to this machine, which makes its pages same-origin.
        raise CsrfError("the request is for a name that is not this machine's")


def origin_of(url: str) -> str:
    """Return the scheme, host and port of a URL, as browsers write them in `Origin`."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
