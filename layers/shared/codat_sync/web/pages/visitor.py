"""Who looks at a page."""

from dataclasses import dataclass

from codat_sync.auth.roles import UNAUTHENTICATED_VIEWER, Role
from codat_sync.auth.session import Session


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who looks at a page.

    ``subject`` is the issuer's id of them, ``name`` is to be shown. ``form_token`` has to come back with what they
    send. ``is_anybody`` tells that nobody was asked who they are, which is only so in the local environment.
    """

    subject: str
    name: str
    may_retry: bool
    form_token: str
    is_authentication_off: bool


ANONYMOUS = Visitor("", "", may_retry=False, form_token="", is_authentication_off=False)


def visitor_from_session(session: Session) -> Visitor:
    """Return whose session it is."""
    viewer = session.viewer
    return Visitor(
        viewer.subject, viewer.name, viewer.has_role(Role.RETRY), session.csrf_token, viewer == UNAUTHENTICATED_VIEWER
    )
