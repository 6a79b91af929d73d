"""Cookies that nobody can make or change but us. Keys that change are in the integration tests of the login."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from botocore.stub import Stubber

from codat_sync.auth.login_state import LoginState, begin_login
from codat_sync.auth.roles import Role, Viewer
from codat_sync.auth.session import Session, create_session
from codat_sync.auth.signed_cookie import SignedCookie
from codat_sync.aws.secrets import CachedSecret

NOW = datetime(2026, 11, 24, tzinfo=UTC)
ANN = Viewer("4f0c1f0e", "Ann", frozenset(Role))


@pytest.fixture
def key() -> Iterator[CachedSecret[str]]:
    """Return a key, which is asked for once."""
    client = boto3.client("secretsmanager", "eu-west-2")
    with Stubber(client) as service:
        service.add_response("get_secret_value", {"SecretString": "k" * 64}, {"SecretId": "key"})
        yield CachedSecret(client, "key", str)


def _cookie(key: CachedSecret[str], now: datetime = NOW, *, is_secure: bool = True) -> SignedCookie[Session]:
    return SignedCookie("session", Session, key, lambda: now, is_secure=is_secure)


def test_what_was_written_is_read(key: CachedSecret[str]) -> None:
    """All of it, until it is over."""
    session = create_session(ANN, NOW)
    written = _cookie(key).write(session)
    sent = {written.name: written.value}
    assert _cookie(key).read(sent) == session
    assert _cookie(key, NOW + timedelta(hours=8, seconds=-1)).read(sent) == session
    assert _cookie(key, NOW + timedelta(hours=8)).read(sent) is None


def test_over_http_a_cookie_goes_without_what_browsers_want_https_for(key: CachedSecret[str]) -> None:
    """In the local environment; one of there is none elsewhere."""
    written = _cookie(key, is_secure=False).write(create_session(ANN, NOW))
    assert str(written).startswith("session=")
    assert "Secure" not in str(written)
    assert "HttpOnly" in str(written)
    assert _cookie(key).read({"session": written.value, "__Host-session": written.value}) is None


def test_a_cookie_of_one_kind_is_none_of_another(key: CachedSecret[str]) -> None:
    """Even if it holds the same things."""
    other = SignedCookie("other", Session, key, lambda: NOW).write(create_session(ANN, NOW))
    assert _cookie(key).read({"__Host-session": other.value}) is None


def test_a_cookie_of_another_version_is_none(key: CachedSecret[str]) -> None:
    """After a deployment people sign in again, rather than see an error."""
    old = SignedCookie("session", LoginState, key, lambda: NOW).write(begin_login("/", NOW))
    assert _cookie(key).read({"__Host-session": old.value}) is None


def test_the_largest_cookies_fit(key: CachedSecret[str]) -> None:
    """Browsers drop what is longer than 4,096 bytes (RFC 6265, 6.1)."""
    path = "/" + "".join(f"{number:03}" for number in range(333))
    attempt = begin_login(path, NOW)
    assert attempt.next_path == path
    assert len(str(SignedCookie("login", LoginState, key, lambda: NOW).write(attempt))) < 4096
    name = "".join(chr(0x10000 + number * 37) for number in range(100))
    session = create_session(Viewer("".join(f"{number:03}" for number in range(85)), name, frozenset(Role)), NOW)
    assert len(str(_cookie(key).write(session))) < 4096
