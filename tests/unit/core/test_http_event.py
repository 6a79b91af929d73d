"""Requests are read from API Gateway events."""

from typing import Any

import pytest

from codat_sync.core.errors import InvalidBodyError
from codat_sync.core.http_event import get_base_url, get_cookies, raw_body, text_body

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


@pytest.mark.parametrize(
    ("event", "body"),
    [
        ({"body": "é"}, "é".encode()),
        ({"body": "AP8=", "isBase64Encoded": True}, b"\x00\xff"),
        ({"body": None}, b""),
        ({}, b""),
    ],
)
def test_a_body_is_what_the_client_sent(event: dict[str, Any], body: bytes) -> None:
    """API Gateway encodes what it does not take for text."""
    assert raw_body(event) == body


@pytest.mark.parametrize("body", ["AP8", "A=", "****"])
def test_damaged_base64_is_an_invalid_body(body: str) -> None:
    """The client gets an error, and not a crash of the function."""
    with pytest.raises(InvalidBodyError, match="base64"):
        raw_body({"body": body, "isBase64Encoded": True})


def test_a_text_body_is_utf_8() -> None:
    """Anything else is an invalid body."""
    assert text_body({"body": "w6k=", "isBase64Encoded": True}) == "é"
    with pytest.raises(InvalidBodyError, match="UTF-8"):
        text_body({"body": "AP8=", "isBase64Encoded": True})
