"""Set security headers on every response."""

import pytest

from codat_sync.web.security_headers import ASSET_HEADERS, DATA_HEADERS, PAGE_HEADERS


def _policy(headers: dict[str, str]) -> dict[str, str]:
    directives = (directive.strip().partition(" ") for directive in headers["content-security-policy"].split(";"))
    return {name: value for name, _, value in directives}


@pytest.mark.parametrize("headers", [PAGE_HEADERS, DATA_HEADERS])
def test_only_our_own_files_run(headers: dict[str, str]) -> None:
    """No policy has an exemption, and pages cannot be framed."""
    policy = _policy(headers)
    assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
    assert set(policy.values()) <= {"'none'", "'self'"}
    assert headers["cache-control"] == "no-store"


def test_forms_and_links_of_a_page_stay_where_it_is() -> None:
    """`default-src` does not cover these two directives."""
    assert _policy(dict(PAGE_HEADERS))["base-uri"] == "'none'"
    assert _policy(dict(PAGE_HEADERS))["form-action"] == "'self'"


@pytest.mark.parametrize("headers", [PAGE_HEADERS, DATA_HEADERS, ASSET_HEADERS])
def test_every_response_forbids_sniffing_and_plain_http(headers: dict[str, str]) -> None:
    """Our own forms send their origin, which `no-referrer` would suppress."""
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["strict-transport-security"].startswith("max-age=")
    assert headers["referrer-policy"] == "same-origin"
