"""Serve a function over HTTP: below a prefix as the emulator's API Gateway does, or as Lambda's invoke API."""

import base64
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

PREFIX = "/_aws/execute-api/a1b2c3d4e5"
_INVOKED = re.compile(r"/2015-03-31/functions/[\w-]+/invocations")

# Lambda events and responses: JSON in AWS's format.
Json = dict[str, Any]
Function = Callable[[Json], Any]


class _Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Suppress logging."""

    def body(self) -> str:
        return self.rfile.read(int(self.headers.get("content-length", 0))).decode()

    def answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response(status)
        for name, value in [*headers, ("content-length", str(len(body)))]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def api_gateway(function: Function) -> Iterator[str]:
    """Serve ``function`` as an HTTP API does (payload 2.0). Yields the URL, ending with a slash."""
    lock = Lock()  # A function handles one request at a time.

    class Handler(_Quiet):
        def do_GET(self) -> None:
            if not self.path.startswith(f"{PREFIX}/"):
                self.answer(404, [], b"outside")
                return
            with lock:
                found = function(_event(self, self.body()))
            headers = [*found.get("headers", {}).items(), *(("set-cookie", each) for each in found.get("cookies", ()))]
            body = found.get("body") or ""
            self.answer(
                found["statusCode"], headers, base64.b64decode(body) if found.get("isBase64Encoded") else body.encode()
            )

        do_POST = do_GET  # noqa: N815 - the same

    with _running(Handler) as url:
        yield f"{url}{PREFIX}/"


@contextmanager
def lambda_api(function: Function) -> Iterator[str]:
    """Serve ``function`` as Lambda's invoke API does. Yields the API's URL."""

    class Handler(_Quiet):
        def do_POST(self) -> None:
            asked = json.loads(self.body())
            if not _INVOKED.fullmatch(urlsplit(self.path).path):
                self.answer(404, [], b"{}")
                return
            try:
                body, headers = json.dumps(function(asked)), []
            except Exception as error:  # noqa: BLE001 - as Lambda does with whatever a function raises
                body, headers = json.dumps({"errorMessage": str(error)}), [("x-amz-function-error", "Unhandled")]
            self.answer(200, [*headers, ("content-type", "application/json")], body.encode())

    with _running(Handler) as url:
        yield url


@contextmanager
def _running(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _event(request: BaseHTTPRequestHandler, body: str) -> Json:
    parts = urlsplit(request.path)
    path = parts.path.removeprefix(PREFIX)
    headers = {name.lower(): value for name, value in request.headers.items()}
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": parts.query,
        "queryStringParameters": {name: ",".join(values) for name, values in parse_qs(parts.query).items()},
        "headers": headers,
        "requestContext": {
            "apiId": "a1b2c3d4e5",
            "domainName": "127.0.0.1",
            "http": {"method": request.command, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"},
            "requestId": "B8qnXhkUrPEEMSg=",
            "stage": "$default",
        },
        "body": body or None,
        "isBase64Encoded": False,
    }
