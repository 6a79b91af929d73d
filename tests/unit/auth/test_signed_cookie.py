"""Cookies that nobody can make or change but us."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from botocore.stub import Stubber

from codat_sync.auth.login_state import LoginState, begin_login
from codat_sync.auth.roles import Role, Viewer
from codat_sync.auth.session import Session, create_session
from codat_sync.auth.signed_cookie import SignedCookie, parse_session_keys
from codat_sync.aws.secrets import CachedSecret
from codat_sync.core.errors import SecretUnavailableError

NOW = datetime(2026, 11, 24, tzinfo=UTC)
ANN = Viewer("4f0c1f0e", "Ann", frozenset(Role))
OLD, NEW = "o" * 64, "n" * 64


@pytest.fixture
def keys() -> Iterator[CachedSecret[list[str]]]:
    """Return a key, which is asked for once."""
    with _keys({"key": OLD}) as made:
        yield made


@contextmanager
def _keys(secret: object) -> Iterator[CachedSecret[list[str]]]:
    client = boto3.client("secretsmanager", "eu-west-2")
    with Stubber(client) as service:
        service.add_response("get_secret_value", {"SecretString": json.dumps(secret)}, {"SecretId": "key"})
        yield CachedSecret(client, "key", parse_session_keys)


def _cookie(keys: CachedSecret[list[str]], now: datetime = NOW, *, is_secure: bool = True) -> SignedCookie[Session]:
    return SignedCookie("session", Session, keys, lambda: now, is_secure=is_secure)


def test_what_was_written_is_read(keys: CachedSecret[list[str]]) -> None:
    """All of it, until it is over."""
    session = create_session(ANN)
    written = _cookie(keys).write(session)
    sent = {written.name: written.value}
    assert _cookie(keys).read(sent) == session
    assert _cookie(keys, NOW + timedelta(hours=8, seconds=-1)).read(sent) == session
    assert _cookie(keys, NOW + timedelta(hours=8)).read(sent) is None


def test_a_cookie_outlives_its_key_while_that_is_a_previous_one(keys: CachedSecret[list[str]]) -> None:
    """The new key signs from the start: the old one can be dropped after a lifetime."""
    session = create_session(ANN)
    old = _cookie(keys).write(session)
    with _keys({"key": NEW, "previousKeys": [OLD]}) as both, _keys({"key": NEW}) as new:
        assert _cookie(both).read({old.name: old.value}) == session
        assert _cookie(both, NOW + timedelta(hours=8)).read({old.name: old.value}) is None
        written = _cookie(both).write(session)
        assert _cookie(new).read({written.name: written.value}) == session
        assert _cookie(keys).read({written.name: written.value}) is None
        assert _cookie(new).read({old.name: old.value}) is None


@pytest.mark.parametrize("previous", [OLD, [OLD[:31]], [None], None, {"key": OLD}])
def test_every_previous_key_is_as_long_as_the_key(previous: object) -> None:
    """A short one could be guessed, and sign cookies. The error quotes none."""
    with pytest.raises(SecretUnavailableError) as caught:
        parse_session_keys(json.dumps({"key": NEW, "previousKeys": previous}))
    assert OLD[:31] not in str(caught.value)


def test_no_part_of_a_cookie_can_be_changed(keys: CachedSecret[list[str]]) -> None:
    """The value, the time of the signature, and the signature: not even for those of another cookie of the user."""
    earlier, later = (
        _cookie(keys, NOW + timedelta(hours=hours)).write(create_session(ANN)).value.rsplit(".", 2) for hours in (0, 1)
    )
    later_now = _cookie(keys, NOW + timedelta(hours=2))
    assert later_now.read({"__Host-session": ".".join(earlier)})
    for part in range(3):
        mixed = [*earlier[:part], later[part], *earlier[part + 1 :]]
        assert later_now.read({"__Host-session": ".".join(mixed)}) is None
    assert later_now.read({"__Host-session": ".".join(earlier[:2])}) is None


def test_over_http_a_cookie_goes_without_what_browsers_want_https_for(keys: CachedSecret[list[str]]) -> None:
    """In the local environment; one of there is none elsewhere."""
    written = _cookie(keys, is_secure=False).write(create_session(ANN))
    assert str(written).startswith("session=")
    assert "Secure" not in str(written)
    assert "HttpOnly" in str(written)
    assert _cookie(keys).read({"session": written.value, "__Host-session": written.value}) is None


def test_a_cookie_of_one_kind_is_none_of_another(keys: CachedSecret[list[str]]) -> None:
    """Even if it holds the same things."""
    other = SignedCookie("other", Session, keys, lambda: NOW).write(create_session(ANN))
    assert _cookie(keys).read({"__Host-session": other.value}) is None


def test_a_cookie_of_another_version_is_none(keys: CachedSecret[list[str]]) -> None:
    """After a deployment people sign in again, rather than see an error."""
    old = SignedCookie("session", LoginState, keys, lambda: NOW).write(begin_login("/"))
    assert _cookie(keys).read({"__Host-session": old.value}) is None


def test_the_largest_cookies_fit(keys: CachedSecret[list[str]]) -> None:
    """Browsers drop what is longer than 4,096 bytes (RFC 6265, 6.1)."""
    path = "/" + "".join(f"{number:03}" for number in range(333))
    attempt = begin_login(path)
    assert attempt.next_path == path
    assert len(str(SignedCookie("login", LoginState, keys, lambda: NOW).write(attempt))) < 4096
    name = "".join(chr(0x10000 + number * 37) for number in range(100))
    session = create_session(Viewer("".join(f"{number:03}" for number in range(85)), name, frozenset(Role)))
    assert len(str(_cookie(keys).write(session))) < 4096
