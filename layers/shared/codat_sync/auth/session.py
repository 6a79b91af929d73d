"""Model the session of a signed-in user, stored in a cookie."""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from codat_sync.auth.roles import UNAUTHENTICATED_VIEWER, Viewer


@dataclass(frozen=True, slots=True)
class Session:
    """A user's session. Forms carry ``csrf_token``, which no other site can read."""

    # Roles are read at login only, and stay valid for this time: a working day.
    lifetime: ClassVar[timedelta] = timedelta(hours=8)

    viewer: Viewer
    csrf_token: str


def create_session(viewer: Viewer) -> Session:
    """Create a session that shares nothing with an earlier one, which prevents session fixation."""
    return Session(viewer, secrets.token_urlsafe())


def unauthenticated_session() -> Session:
    """Return the session used while authentication is off: then only the origin check protects forms."""
    return Session(UNAUTHENTICATED_VIEWER, "authentication-is-off")
