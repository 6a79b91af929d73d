"""Who may do what: the roles, and where a token says that somebody has them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from codat_sync.core.errors import ForbiddenError

# In the order in which they are looked for. OpenID Connect Core 5.1, then Cognito's own, then a machine's.
_NAMES = ("name", "preferred_username", "email", "cognito:username", "username", "client_id")
_LONGEST_NAME = 100

# The claims of a token: JSON, whose shape its issuer defines.
Claims = Mapping[str, Any]


class Role(StrEnum):
    """What somebody may do, as a group of people or a scope of a machine's is called. To retry includes to look."""

    VIEW = "codat-sync/view"
    RETRY = "codat-sync/retry"


@dataclass(frozen=True, slots=True)
class Viewer:
    """A person or a machine that asks for something. ``subject`` is the issuer's id of it, ``name`` is to be shown."""

    subject: str
    name: str
    roles: frozenset[Role]

    def has_role(self, role: Role) -> bool:
        """Return whether the role is one of theirs."""
        return role in self.roles

    def require_role(self, role: Role) -> None:
        """Raise ForbiddenError if the role is none of theirs."""
        if not self.has_role(role):
            raise ForbiddenError(f"the role {role} is needed for this")


UNAUTHENTICATED_VIEWER = Viewer("everybody", "everybody: authentication is off", frozenset(Role))


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """Whether it is asked who somebody is, and which claims of a token say what they may do."""

    is_enabled: bool
    roles_claims: tuple[str, ...]

    def caller(self, event: Mapping[str, Any]) -> Viewer:
        """Return who sent a request to a route with the authorizer, which has checked the token.

        Without a token, as behind a route that was left open by mistake, it is somebody who may do nothing.
        """
        if not self.is_enabled:
            return UNAUTHENTICATED_VIEWER
        authorizer = event["requestContext"].get("authorizer") or {}
        return viewer_from_claims((authorizer.get("jwt") or {}).get("claims") or {}, self.roles_claims)


def viewer_from_claims(claims: Claims, roles_claims: Iterable[str]) -> Viewer:
    """Return whom the claims of a token that was checked are about."""
    held = {value for name in roles_claims for value in _values(claims.get(name))}
    roles = {role for role in Role if role in held}
    if Role.RETRY in roles:
        roles.add(Role.VIEW)
    subject = str(claims.get("sub", ""))
    name = next((claims[each] for each in _NAMES if isinstance(claims.get(each), str) and claims[each]), subject)
    return Viewer(subject, name[:_LONGEST_NAME], frozenset(roles))


def _values(claim: object) -> list[str]:
    """Return what a claim lists: an array, a text with spaces (RFC 8693, 4.2), or API Gateway's writing of an array.

    That is ``[a b]``, from which nobody can tell an element with a space from two: no role of ours has one.
    """
    if isinstance(claim, str):
        return claim.removeprefix("[").removesuffix("]").split()
    return [each for each in claim if isinstance(each, str)] if isinstance(claim, list) else []
