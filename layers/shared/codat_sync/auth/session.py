"""What a cookie says of a person who has signed in, until it is over."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from codat_sync.auth.roles import UNAUTHENTICATED_VIEWER, Viewer

# Roles are asked of the issuer when somebody signs in, and not again in this time: a working day.
_LIFETIME = timedelta(hours=8)


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who has signed in. Forms carry ``csrf_token``, which no other site can read."""

    viewer: Viewer
    csrf_token: str
    expires_at: datetime


def create_session(viewer: Viewer, now: datetime) -> Session:
    """Return a session that has nothing of one before: whoever knew that one knows nothing of this."""
    return Session(viewer, secrets.token_urlsafe(), now + _LIFETIME)


def unauthenticated_session(now: datetime) -> Session:
    """Return whose session it is while authentication is off: then forms are only protected by where they come from."""
    return Session(UNAUTHENTICATED_VIEWER, "authentication-is-off", now + _LIFETIME)
