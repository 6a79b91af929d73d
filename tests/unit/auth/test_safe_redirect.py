"""Redirect only to local paths after a login."""

from urllib.parse import quote, urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codat_sync.auth.safe_redirect import HOME, safe_redirect_path

SITE = "https://syncs.example"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/syncs",
        "/syncs/6fb40d5e?tab=items&status=PushError#top",
        "/?search=a%20b&from=%2F%2Fx",
        "/logins",
        "/a//b",
    ],
)
def test_a_local_path_is_kept(path: str) -> None:
    """With its query, so that a bookmark leads to what it is of."""
    assert safe_redirect_path(path) == path


@pytest.mark.parametrize(
    "text",
    [
        *("", "syncs", "https://evil.example", "https:evil.example", "javascript:alert(1)", "//evil.example"),
        *("///evil.example", "/\\evil.example", "\\\\evil.example", "/%5Cevil.example", "/%2Fevil.example"),
        *("/%252Fevil.example", "/%25255cevil.example", "/\t/evil.example", "/\n/evil.example", "/%09/evil.example"),
        *("/a\r\nset-cookie: a=b", "/a%0d%0aset-cookie:a=b", "/a%00", " /a", "/a b", "/é", "@evil.example"),
        *(".evil.example", "/login", "/login/callback?code=1", "/logout", "/login?next=/login", "/" + "a" * 1000),
    ],
)
def test_anything_else_is_the_beginning(text: str) -> None:
    """Other sites in any notation, line ends, redirect loops and paths too long for a cookie."""
    assert safe_redirect_path(text) == HOME


@given(st.text(st.sampled_from("/\\%25cCfF0dDaA9.:@?#evil \t\r\n"), max_size=40))
def test_however_often_it_is_decoded_it_stays_here(text: str) -> None:
    """As a browser resolves it, and one more time."""
    path = safe_redirect_path(text)
    for written in (path, path.replace("%25", "%").replace("%2F", "/").replace("%2f", "/")):
        # Browsers take a backslash for a slash.
        assert urlsplit(urljoin(SITE, written.replace("\\", "/"))).netloc == "syncs.example"


def test_deeply_encoded_text_does_not_cost_much() -> None:
    """Nested encoding is not decoded without limit."""
    assert safe_redirect_path("/%" + "25" * 1_000_000) == HOME
    assert safe_redirect_path(quote("/" * 100_000)) == HOME
