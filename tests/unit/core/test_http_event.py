"""What a request says."""

from typing import Any

import pytest

from codat_sync.core.http_event import get_base_url, get_cookies

EVENT = {"headers": {"Host": "127.0.0.1:4566"}, "requestContext": {"domainName": "api.example"}}


@pytest.mark.parametrize(
    ("event", "cookies"),
    [
        ({"cookies": ["a=b", "c=d=e"]}, {"a": "b", "c": "d=e"}),
        ({"headers": {"Cookie": "a=b; c=d"}}, {"a": "b", "c": "d"}),
        ({"cookies": ["a=first", "a=second"]}, {"a": "first"}),
        ({"cookies": ["", "=b", "a"]}, {"a": ""}),
        ({}, {}),
    ],
)
def test_cookies_are_found_wherever_they_are(event: dict[str, Any], cookies: dict[str, str]) -> None:
    """API Gateway takes them out of the headers; not all that plays it does."""
    assert get_cookies(event) == cookies


def test_people_reach_the_pages_where_they_are_said_to_be() -> None:
    """Else at the domain that API Gateway answered for, never at one that a header names."""
    assert get_base_url(EVENT, "", is_local=False) == "https://api.example"
    assert get_base_url(EVENT, "https://syncs.example/app/", is_local=False) == "https://syncs.example/app"
    assert get_base_url(EVENT, "", is_local=True) == "http://127.0.0.1:4566"
