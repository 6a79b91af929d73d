"""A browser in front of a handler: cookies, redirections, and events as API Gateway hands them over (payload 2.0)."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import httpx

SITE = "https://a1b2c3d4e5.execute-api.eu-west-2.amazonaws.com"

# What Lambda hands over and takes back: JSON, whose shape AWS defines.
Json = dict[str, Any]


def browser(handle: Callable[[Json], Json]) -> httpx.Client:
    """Return a client to which ``SITE`` is ``handle``, and whatever else is where it is."""

    def transport(request: httpx.Request) -> httpx.Response:
        return _response(handle(event_of(request)))

    return httpx.Client(base_url=SITE, mounts={SITE: httpx.MockTransport(transport)}, follow_redirects=True)


def event_of(request: httpx.Request) -> Json:
    """Return the event for a request."""
    headers = dict(request.headers)
    cookies = [each.strip() for each in headers.pop("cookie", "").split(";") if each.strip()]
    path, query = request.url.path, request.url.query.decode()
    event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "a1b2c3d4e5",
            "domainName": request.url.host,
            "http": {"method": request.method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.7"},
            "requestId": "B8qnXhkUrPEEMSg=",
            "routeKey": "$default",
            "stage": "$default",
            "timeEpoch": 1795473212000,
        },
        "body": request.content.decode() or None,
        "isBase64Encoded": False,
    }
    # As API Gateway: what is not there is left out.
    given = {"cookies": cookies, "queryStringParameters": dict(parse_qsl(query, keep_blank_values=True))}
    return event | {name: value for name, value in given.items() if value}


def _response(answer: Json) -> httpx.Response:
    headers = [*answer.get("headers", {}).items(), *(("set-cookie", each) for each in answer.get("cookies", ()))]
    return httpx.Response(answer["statusCode"], headers=headers, text=answer.get("body", ""))
