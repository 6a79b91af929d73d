"""Emulate API Gateway's HTTP API in front of handlers, as a WSGI application."""

import base64
import re
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from dev.stored_events import load
from tests.support.handlers import Handler

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_RETRY = re.compile(r"/api/v1/syncs/([^/]+)/retry")


class Gateway:
    """Routes a request that has a token to its function, with the token's claims."""

    def __init__(self, health: Handler, retry: Handler) -> None:
        self._health = health
        self._retry = retry

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Respond to a request."""
        if "HTTP_AUTHORIZATION" not in environ:
            start_response("401 Unauthorized", [("content-type", "application/json"), ("www-authenticate", "Bearer")])
            return [b'{"message":"Unauthorized"}']
        answer = self._function(environ)(_event(environ))
        status = HTTPStatus(answer["statusCode"])
        headers = [(name, str(value)) for name, value in answer["headers"].items()]
        headers += [("set-cookie", cookie) for cookie in answer.get("cookies", ())]
        start_response(f"{status.value} {status.phrase}", headers)
        body = answer.get("body") or ""
        return [base64.b64decode(body) if answer.get("isBase64Encoded") else body.encode()]

    def _function(self, environ: "WSGIEnvironment") -> Callable[[dict[str, Any]], dict[str, Any]]:
        is_retry = environ["REQUEST_METHOD"] == "POST" and _RETRY.fullmatch(_path(environ))
        return self._retry if is_retry else self._health


def _event(environ: "WSGIEnvironment") -> dict[str, Any]:
    """Return the request as a Lambda event (payload 2.0): decoded path, and joined parameter values."""
    path, method = _path(environ), environ["REQUEST_METHOD"]
    query: dict[str, list[str]] = {}
    for name, value in parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True):
        query.setdefault(name, []).append(value)
    headers = {name[5:].lower().replace("_", "-"): value for name, value in environ.items() if name.startswith("HTTP_")}
    if environ.get("CONTENT_TYPE"):
        headers["content-type"] = environ["CONTENT_TYPE"]
    event = load("health", "sync")
    event |= {
        "rawPath": path,
        "rawQueryString": environ.get("QUERY_STRING", ""),
        "headers": headers,
        "queryStringParameters": {name: ",".join(values) for name, values in query.items()},
        "pathParameters": {"syncId": match[1]} if (match := _RETRY.fullmatch(path)) else {},
    }
    event["requestContext"]["authorizer"]["jwt"]["claims"]["cognito:groups"] = "[codat-sync/expenses codat-sync/retry]"
    if cookies := headers.pop("cookie", None):
        event["cookies"] = cookies.split("; ")
    event["requestContext"]["http"] |= {"method": method, "path": path}
    content = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    if content:
        event |= {"body": base64.b64encode(content).decode(), "isBase64Encoded": True}
    return event


def _path(environ: "WSGIEnvironment") -> str:
    # WSGI passes bytes as Latin-1: https://peps.python.org/pep-3333/#unicode-issues
    path: str = environ["PATH_INFO"]
    return path.encode("latin-1").decode(errors="replace")
