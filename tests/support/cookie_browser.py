"""A browser for a handler: keeps cookies, and sends events as API Gateway does (payload 2.0)."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import httpx

SITE = "https://a1b2c3d4e5.execute-api.eu-west-2.amazonaws.com"

# Lambda's event and response: JSON whose shape AWS defines.
Json = dict[str, Any]


def browser(handle: Callable[[Json], Json]) -> httpx.Client:
    """Return a client that routes ``SITE`` to ``handle`` and everything else to the network."""

    def transport(request: httpx.Request) -> httpx.Response:
        return _response(handle(event_of(request)))

    return httpx.Client(base_url=SITE, mounts={SITE: httpx.MockTransport(transport)}, follow_redirects=True)


def event_of(request: httpx.Request) -> Json:
    """Return the event of a request."""
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
    # API Gateway omits what is absent.
    given = {"cookies": cookies, "queryStringParameters": dict(parse_qsl(query, keep_blank_values=True))}
    return event | {name: value for name, value in given.items() if value}


def _response(answer: Json) -> httpx.Response:
    headers = [*answer.get("headers", {}).items(), *(("set-cookie", each) for each in answer.get("cookies", ()))]
    return httpx.Response(answer["statusCode"], headers=headers, text=answer.get("body", ""))
