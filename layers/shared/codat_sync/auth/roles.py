"""Define roles, and read a caller's roles from the claims of a token."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from codat_sync.core.errors import ForbiddenError

# Claims with a display name, in order of preference: OpenID Connect Core 5.1, then Cognito's, then a machine's.
_NAMES = ("name", "preferred_username", "email", "cognito:username", "username", "client_id")
_MAX_NAME_CHARACTERS = 100

# The claims of a token: JSON, whose shape its issuer defines.
Claims = Mapping[str, Any]


class Role(StrEnum):
    """Roles, named like user groups or machines' scopes. Every other role implies VIEW.

    VIEW shows everything but what was submitted: amounts, merchants, references, lines and notes of expenses, which
    EXPENSES shows. RETRY changes something: the accounting software, or what is recorded here.
    """

    VIEW = "codat-sync/view"
    EXPENSES = "codat-sync/expenses"
    RETRY = "codat-sync/retry"


@dataclass(frozen=True, slots=True)
class Viewer:
    """A user or machine that makes requests. ``subject`` is the issuer's id for it, ``name`` is for display."""

    subject: str
    name: str
    roles: frozenset[Role]

    @property
    def signature(self) -> str:
        """Who a decision is recorded as."""
        return sign(self.name, self.subject)

    def has_role(self, role: Role) -> bool:
        """Return whether the viewer has the role."""
        return role in self.roles

    def require_role(self, role: Role) -> None:
        """Raise ForbiddenError unless the viewer has the role."""
        if not self.has_role(role):
            raise ForbiddenError(f"the role {role} is needed for this")


def sign(name: str, subject: str) -> str:
    """Return who a decision is recorded as: the display name, and the issuer's id, which stays the same."""
    return name if name == subject else f"{name} ({subject})"


UNAUTHENTICATED_VIEWER = Viewer("everybody", "everybody: authentication is off", frozenset(Role))


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """Whether authentication is on, and which claims of a token hold the roles."""

    is_enabled: bool
    roles_claims: tuple[str, ...]

    def caller(self, event: Mapping[str, Any]) -> Viewer:
        """Return the caller of a route with an authorizer, which has validated the token.

        Without a token, as on a route left open by mistake, the caller has no roles.
        """
        if not self.is_enabled:
            return UNAUTHENTICATED_VIEWER
        authorizer = event["requestContext"].get("authorizer") or {}
        return viewer_from_claims((authorizer.get("jwt") or {}).get("claims") or {}, self.roles_claims)


def viewer_from_claims(claims: Claims, roles_claims: Iterable[str]) -> Viewer:
    """Return the viewer that the claims of a validated token identify."""
    held = {value for name in roles_claims for value in _values(claims.get(name))}
    roles = {role for role in Role if role in held}
    if roles:
        roles.add(Role.VIEW)
    subject = str(claims.get("sub", ""))
    name = next((claims[each] for each in _NAMES if isinstance(claims.get(each), str) and claims[each]), subject)
    return Viewer(subject, name[:_MAX_NAME_CHARACTERS], frozenset(roles))


def _values(claim: object) -> list[str]:
    """Parse a claim's values: an array, a space-separated string (RFC 8693, 4.2), or API Gateway's form of an array.

    That is ``[a b]``, in which an element with a space is ambiguous: our roles contain none.
    """
    if isinstance(claim, str):
        return claim.removeprefix("[").removesuffix("]").split()
    return [each for each in claim if isinstance(each, str)] if isinstance(claim, list) else []
