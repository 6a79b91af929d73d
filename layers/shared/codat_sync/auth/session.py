"""Model the session of a signed-in user, stored in a cookie."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from codat_sync.auth.roles import UNAUTHENTICATED_VIEWER, Viewer

# Roles are read at login only, and stay valid for this time: a working day.
_LIFETIME = timedelta(hours=8)


@dataclass(frozen=True, slots=True)
class Session:
    """A user's session. Forms carry ``csrf_token``, which no other site can read."""

    viewer: Viewer
    csrf_token: str
    expires_at: datetime


def create_session(viewer: Viewer, now: datetime) -> Session:
    """Create a session that shares nothing with an earlier one, which prevents session fixation."""
    return Session(viewer, secrets.token_urlsafe(), now + _LIFETIME)


def unauthenticated_session(now: datetime) -> Session:
    """Return the session used while authentication is off: then only the origin check protects forms."""
    return Session(UNAUTHENTICATED_VIEWER, "authentication-is-off", now + _LIFETIME)
