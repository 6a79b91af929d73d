"""What a request says that API Gateway hands over (payload 2.0)."""

import base64
from collections.abc import Mapping
from typing import Any

# An event of API Gateway's: JSON, whose shape AWS defines.
Event = Mapping[str, Any]


def get_headers(event: Event) -> dict[str, str]:
    """Return the headers, their names in lower case."""
    return {name.lower(): value for name, value in event.get("headers", {}).items()}


def raw_body(event: Event) -> bytes:
    """Return the body as the client sent it. Raises binascii.Error, a ValueError, for invalid base64."""
    body: str = event.get("body") or ""
    return base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else body.encode()


def get_cookies(event: Event) -> dict[str, str]:
    """Return the cookies by name; of those with the same name the first, which is of the most specific path."""
    # Not all that hands over such events takes them out of the header, as API Gateway does.
    pairs = event.get("cookies") or get_headers(event).get("cookie", "").split(";")
    named = [pair.strip().partition("=") for pair in pairs]
    return {name: value for name, _, value in reversed(named) if name}


def get_base_url(event: Event, public_url: str, *, is_local: bool) -> str:
    """Return where people reach the pages, without a slash at the end: ``public_url``, if there is one.

    Else it is the domain that API Gateway answered for, so a domain of the customer's works as well.
    """
    if public_url:
        return public_url.rstrip("/")
    if is_local:  # there the domain lacks its port
        return f"http://{get_headers(event)['host']}"
    return f"https://{event['requestContext']['domainName']}"
