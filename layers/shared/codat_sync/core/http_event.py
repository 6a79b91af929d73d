"""Read requests from API Gateway events (payload format 2.0)."""

import base64
from collections.abc import Mapping
from typing import Any

from codat_sync.core.errors import InvalidBodyError, ValidationIssue

# An API Gateway event: JSON, whose shape AWS defines.
Event = Mapping[str, Any]


def get_headers(event: Event) -> dict[str, str]:
    """Return the headers, with lower-case names."""
    return {name.lower(): value for name, value in event.get("headers", {}).items()}


def raw_body(event: Event) -> bytes:
    """Return the body as the client sent it. Raises InvalidBodyError if API Gateway's base64 is damaged."""
    body: str = event.get("body") or ""
    try:
        return base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else body.encode()
    except ValueError:
        raise InvalidBodyError([ValidationIssue("", "is not valid base64")]) from None


def text_body(event: Event) -> str:
    """Return the body as text. Raises InvalidBodyError if it is not UTF-8."""
    try:
        return raw_body(event).decode()
    except UnicodeDecodeError:
        raise InvalidBodyError([ValidationIssue("", "is not UTF-8")]) from None


def get_cookies(event: Event) -> dict[str, str]:
    """Return the cookies by name; of duplicates the first, which has the most specific path."""
    # API Gateway moves cookies out of the header; not every emulator does.
    pairs = event.get("cookies") or get_headers(event).get("cookie", "").split(";")
    named = [pair.strip().partition("=") for pair in pairs]
    return {name: value for name, _, value in reversed(named) if name}


def get_base_url(event: Event, public_url: str, *, is_local: bool) -> str:
    """Return the pages' base URL, without a trailing slash: ``public_url``, if set.

    Otherwise it is built from the domain of the request, so custom domains work as well.
    """
    if public_url:
        return public_url.rstrip("/")
    if is_local:  # the domain lacks its port there
        return f"http://{get_headers(event)['host']}"
    return f"https://{event['requestContext']['domainName']}"
