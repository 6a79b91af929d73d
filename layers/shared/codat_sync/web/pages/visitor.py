"""The user who requests a page."""

from dataclasses import dataclass

from codat_sync.auth.roles import UNAUTHENTICATED_VIEWER, Role, sign
from codat_sync.auth.session import Session


@dataclass(frozen=True, slots=True)
class Visitor:
    """The user who requests a page.

    ``subject`` is the issuer's id, ``name`` the display name. Every form must include ``form_token``, the CSRF token.
    ``is_authentication_off`` is only True in the local environment.
    """

    subject: str
    name: str
    may_retry: bool
    may_see_expenses: bool
    form_token: str
    is_authentication_off: bool

    @property
    def signature(self) -> str:
        """Who a decision is recorded as."""
        return sign(self.name, self.subject)


ANONYMOUS = Visitor("", "", may_retry=False, may_see_expenses=False, form_token="", is_authentication_off=False)


def visitor_from_session(session: Session) -> Visitor:
    """Return the visitor of a session."""
    viewer = session.viewer
    return Visitor(
        viewer.subject,
        viewer.name,
        may_retry=viewer.has_role(Role.RETRY),
        may_see_expenses=viewer.has_role(Role.EXPENSES),
        form_token=session.csrf_token,
        is_authentication_off=viewer == UNAUTHENTICATED_VIEWER,
    )
