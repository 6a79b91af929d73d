"""Serve submit over HTTP, as API Gateway does."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

from dev.stored_events import load
from tests.support.handlers import Handler


@contextmanager
def serve_submit(submit: Handler) -> Iterator[str]:
    """Serve the function while the block runs, one request at a time; yields the URL."""

    class Gateway(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            answer = submit(self._event())
            content = answer["body"].encode()
            self.send_response(answer["statusCode"])
            for name, value in answer["headers"].items():
                if name.lower() != "content-length":
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(base64.b64decode(content) if answer.get("isBase64Encoded") else content)

        do_GET = do_POST = do_PUT = _answer  # noqa: N815 - http.server's names

        def _event(self) -> dict[str, object]:
            path, _, query = self.path.partition("?")
            content = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            event = load("submit", "create-expenses")
            event |= {
                "rawPath": path,
                "rawQueryString": query,
                "headers": {name.lower(): value for name, value in self.headers.items()},
                "body": base64.b64encode(content).decode() if content else None,
                "isBase64Encoded": bool(content),
            }
            event["requestContext"]["http"] |= {"method": self.command, "path": path}
            return event

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Gateway) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
