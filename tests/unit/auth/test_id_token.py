"""An ID token, as the issuer gave it. What is refused is in the integration tests of the login."""

from datetime import UTC, datetime

import pytest

from codat_sync.auth.id_token import ExpectedClaims, read_id_token
from codat_sync.core.errors import LoginFailedError
from tests.support.oidc_issuer import unsigned

NOW = datetime(2026, 11, 24, tzinfo=UTC)
EXPECTED = ExpectedClaims("https://issuer", "client", "nonce")


@pytest.mark.parametrize(("late_seconds", "is_good"), [(-300, True), (0, True), (59, True), (60, False), (3600, False)])
def test_clocks_may_differ_by_a_minute(late_seconds: int, *, is_good: bool) -> None:
    """No more."""
    claims = {"iss": "https://issuer", "aud": "client", "nonce": "nonce", "sub": "1"}
    token = unsigned(claims | {"exp": NOW.timestamp() - late_seconds})
    if is_good:
        assert read_id_token(token, EXPECTED, NOW)["sub"] == "1"
    else:
        with pytest.raises(LoginFailedError, match="exp"):
            read_id_token(token, EXPECTED, NOW)


def test_all_that_is_wrong_is_named() -> None:
    """By the names of the claims, never by what they say."""
    with pytest.raises(LoginFailedError, match="iss, aud, exp, nonce, sub") as refused:
        read_id_token(unsigned({"aud": "somebody"}), EXPECTED, NOW)
    assert "somebody" not in str(refused.value)
