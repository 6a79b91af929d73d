"""Who may do what."""

from typing import Any

import pytest

from codat_sync.auth.roles import UNAUTHENTICATED_VIEWER, AccessPolicy, Role, viewer_from_claims
from codat_sync.core.errors import ForbiddenError

CLAIMS = ("cognito:groups", "scope")
BOTH, LOOKS, NONE = {Role.VIEW, Role.RETRY}, {Role.VIEW}, set[Role]()
EXPENSES = {Role.VIEW, Role.EXPENSES}


@pytest.mark.parametrize(
    ("claims", "roles"),
    [
        ({"cognito:groups": ["codat-sync/view"]}, LOOKS),
        ({"cognito:groups": "[codat-sync/view]"}, LOOKS),
        ({"cognito:groups": "[others codat-sync/retry]"}, BOTH),
        ({"cognito:groups": ["codat-sync/retry", "others"]}, BOTH),
        ({"cognito:groups": "[codat-sync/expenses]"}, EXPENSES),
        ({"cognito:groups": "[codat-sync/retry codat-sync/expenses]"}, set(Role)),
        ({"scope": "codat-sync/view"}, LOOKS),
        ({"scope": "openid codat-sync/retry"}, BOTH),
        ({"scope": "openid", "cognito:groups": "[codat-sync/view]"}, LOOKS),
        ({"cognito:groups": "codat-sync/view"}, LOOKS),
        ({}, NONE),
        ({"cognito:groups": "[]"}, NONE),
        ({"cognito:groups": ["not codat-sync/retry"]}, NONE),
        ({"cognito:groups": ["codat-sync/retry-not", "retry", "CODAT-SYNC/RETRY", None, 7]}, NONE),
        ({"cognito:groups": {"codat-sync/retry": True}, "scope": None}, NONE),
        ({"roles": ["codat-sync/retry"], "groups": "codat-sync/retry"}, NONE),
    ],
)
def test_roles_are_what_the_named_claims_list(claims: dict[str, Any], roles: set[Role]) -> None:
    """As an array, as a text with spaces, or as API Gateway writes an array; nothing else, and no other claim."""
    assert viewer_from_claims(claims, CLAIMS).roles == roles


def test_another_issuer_has_another_claim() -> None:
    """Then only that one counts."""
    claims = {"https://acme.example/roles": ["codat-sync/view"], "scope": "codat-sync/retry"}
    assert viewer_from_claims(claims, ["https://acme.example/roles"]).roles == LOOKS


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"sub": "1", "name": "Ann", "email": "ann@example.com"}, "Ann"),
        ({"sub": "1", "name": "", "email": "ann@example.com"}, "ann@example.com"),
        ({"sub": "1", "name": ["Ann"], "cognito:username": "ann"}, "ann"),
        ({"sub": "1", "client_id": "a machine"}, "a machine"),
        ({"sub": "1"}, "1"),
        ({"sub": "1", "name": "A" * 1000}, "A" * 100),
    ],
)
def test_a_name_is_the_best_that_the_token_has(claims: dict[str, Any], name: str) -> None:
    """To be shown, so not of any length."""
    viewer = viewer_from_claims(claims, CLAIMS)
    assert (viewer.subject, viewer.name) == ("1", name)


@pytest.mark.parametrize(
    "authorizer", [{}, {"authorizer": None}, {"authorizer": {"jwt": None}}, {"authorizer": {"lambda": {}}}]
)
def test_a_request_without_a_token_may_do_nothing(authorizer: dict[str, Any]) -> None:
    """A route that was left open by mistake opens nothing."""
    viewer = AccessPolicy(is_enabled=True, roles_claims=CLAIMS).caller({"requestContext": authorizer})
    assert viewer.roles == NONE
    with pytest.raises(ForbiddenError, match="codat-sync/view"):
        viewer.require_role(Role.VIEW)


def test_a_token_identifies_its_subject() -> None:
    """The authorizer has checked it."""
    claims = {"sub": "1", "scope": "codat-sync/retry"}
    event = {"requestContext": {"authorizer": {"jwt": {"claims": claims, "scopes": None}}}}
    viewer = AccessPolicy(is_enabled=True, roles_claims=CLAIMS).caller(event)
    assert viewer.has_role(Role.RETRY)
    viewer.require_role(Role.VIEW)


def test_while_authentication_is_off_everybody_may_everything() -> None:
    """And is called so."""
    assert AccessPolicy(is_enabled=False, roles_claims=CLAIMS).caller({"requestContext": {}}) == UNAUTHENTICATED_VIEWER
    assert UNAUTHENTICATED_VIEWER.roles == set(Role)
    assert "authentication is off" in UNAUTHENTICATED_VIEWER.name
