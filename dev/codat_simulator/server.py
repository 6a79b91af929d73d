"""Serve simulated Codat over HTTP, with a control API.

The control API under `/_simulator/` needs no key and accepts only callers on this machine. Bodies are JSON.
Invalid requests get a 400 and unknown ids a 404, both with `{"error": …}`.

    GET    state                    {companies, syncs: [{syncId, companyId, code, items, …}]}
    POST   companies                {name?, companyId?, sourcePlatform?, targetPlatform?, tags?, updatesExpenses?}
                                    → the company; unless updatesExpenses, a PUT of an expense gets a 422
    DELETE companies/{companyId}    Codat returns 404 for it from now on
    POST   syncs                    {companyId, code?, items? | generate?, edgeCases?, syncId?, syncStatus?,
                                    errorMessage?, syncExceptionMessage?, syncUtc?, dataPushed?} → the sync; an item is
                                    {transactionId, status?, integrationType?, message?}
    PATCH  syncs/{syncId}           {code?, items?, syncStatus?, errorMessage?, …} → the sync
    POST   syncs/{syncId}/settle    finishes a sync that a submission started, and sends its webhook:
                                    {transactions?: {id: {status: Completed | PushError | ValidationError, message?}},
                                    otherwise?: {status, message?}, code?, webhook?: current | old | null} → the sync;
                                    {}: all are Completed, which writes them to the books
    PUT    settling                 finishes syncs automatically from now on, those in progress too:
                                    {afterSeconds?, rules?: [{transactionId?, companyId?, status?, message?, times?}],
                                    webhook?}; transactionId is a regular expression. The first matching rule
                                    decides, for the first `times` attempts of an id; without one it is Completed
    DELETE settling                 syncs stay in progress until they are settled (the default)
    GET    submissions              requests that started a sync: [{syncId, at, origin: {companyId, method, kind,
                                    idempotencyKey}, transactions: [{transactionId, body, attempt}]}]
    GET    books/{companyId}        everything written, in order:
                                    [{transactionId, kind, method, syncId, body}]
    GET    attachments              uploaded files: [{attachmentId, companyId, transactionId, fileName, size}]
    PUT    companies/{companyId}/connection-status   {status}; unless Linked, syncs finish with 4220
                                    → the company
    POST   webhooks                 {syncId? | companyId?, generation?: current | old, eventType?, overrides?, body?,
                                    headers?: webhook | svix, method?: POST | PUT, secrets?, delaySeconds?, repeat?}
                                    → {webhookId}; delivered in the background, with Codat's redeliveries
    POST   webhooks/{webhookId}/replay      the same body as a new message → {webhookId}
    POST   webhooks/{webhookId}/redeliver   the same message again → {webhookId}
    GET    deliveries               [{webhookId, pending, attempts: [{at, status, error, seconds}]}]
    PUT    webhook-url              {url, disabled?, eventTypes?, companyTags?}; the two filters apply to the webhooks
                                    of finished syncs, as at Codat
    POST   faults                   {kind, times?, path?, companyId?, syncId?, seconds?, status?, retryAfter?, total?};
                                    the kinds are in `dev.codat_simulator.faults`
    DELETE faults
    PUT    quota                    {remaining}: sets the number of requests left today
    GET    requests                 {requests: [{method, path, query, at, companyId, status, idempotencyKey}],
                                    maxInFlight: {companyId: number}}
    DELETE requests                 clears the request log
"""

import os
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from threading import Event, Lock, Thread

import httpx

from dev.codat_simulator.control.api import PREFIX, ControlApi
from dev.codat_simulator.simulator import SimulatedCodat
from dev.codat_simulator.webhooks.delivery import Deliverer

# Linger for 0 seconds: closing such a socket resets the connection (RST).
CLOSE_CONNECTION = struct.pack("ii", 1, 0)
SETTLE_INTERVAL_SECONDS = 0.02


@dataclass(frozen=True)
class RunningSimulator:
    """A running simulator."""

    url: str
    codat: SimulatedCodat
    deliverer: Deliverer


@contextmanager
def serve(
    codat: SimulatedCodat,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    webhook_url: str | None = None,
    time_scale: float = 1.0,
) -> Iterator[RunningSimulator]:
    """Serve simulated Codat while the block runs; port 0 selects a free port."""
    if webhook_url is not None:
        codat.set_webhook_consumer(webhook_url)
    with (
        Deliverer(codat, webhook_url, time_scale=time_scale) as deliverer,
        _Server((host, port), codat, ControlApi(codat, deliverer)) as server,
        _settling(codat),
    ):
        codat.on_settled = deliverer.announce
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, name="simulator")
        thread.start()
        try:
            yield RunningSimulator(f"http://{host}:{server.server_port}", codat, deliverer)
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def _settling(codat: SimulatedCodat) -> Iterator[None]:
    """Finish syncs when they are due, even without requests."""
    stop = Event()

    def settle() -> None:
        while not stop.wait(SETTLE_INTERVAL_SECONDS):
            codat.settle_due()

    thread = Thread(target=settle, name="settling")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


class _Server(ThreadingHTTPServer):
    """Uses a thread per connection and closes all of them at the end, also those kept alive by a client."""

    daemon_threads = False  # so that server_close waits for them
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], codat: SimulatedCodat, control: ControlApi) -> None:
        self.codat = codat
        self.control = control
        self._lock = Lock()
        self._open: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def get_request(self) -> tuple[socket.socket, object]:
        connection, address = super().get_request()
        with self._lock:
            self._open.add(connection)
        return connection, address

    def close_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        with self._lock:
            self._open.discard(request)
        super().close_request(request)

    def server_close(self) -> None:
        with self._lock:
            for connection in self._open:
                with suppress(OSError):  # the client closed it first
                    connection.shutdown(socket.SHUT_RD)  # a response in progress is still sent
        super().server_close()


class _Handler(BaseHTTPRequestHandler):
    """Translates between HTTP and httpx's requests and responses."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # send headers and body in one packet
    server: _Server

    def setup(self) -> None:
        super().setup()
        sys.settrace(None)  # coverage is not measured in these threads: tracing would take half of the time

    def _answer(self) -> None:
        request = self._request()
        try:
            response = self._respond(request)
        except httpx.ReadError:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, CLOSE_CONNECTION)
            # Close immediately: the server would shut the connection down gracefully first.
            os.close(self.connection.detach())
            self.close_connection = True
        except httpx.RemoteProtocolError:
            self.close_connection = True
        else:
            self._send(response)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815 - http.server's names

    def _request(self) -> httpx.Request:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        return httpx.Request(
            self.command, f"http://simulator{self.path}", headers=list(self.headers.items()), content=body
        )

    def _respond(self, request: httpx.Request) -> httpx.Response:
        if not request.url.path.startswith(PREFIX):
            return self.server.codat.handle(request)
        if not self._is_local():
            return httpx.Response(403)
        return self.server.control.handle(request)

    def _is_local(self) -> bool:
        # A bridge's address counts too: the simulator listens on it so that containers can reach it.
        caller, own = self.client_address[0], self.connection.getsockname()[0]
        return ip_address(caller).is_loopback or caller == own

    def _send(self, response: httpx.Response) -> None:
        self.send_response(response.status_code)
        for name, value in response.headers.raw:  # in Codat's letter case
            if name.lower() != b"content-length":
                self.send_header(name.decode(), value.decode())
        if response.status_code != httpx.codes.NO_CONTENT:
            self.send_header("Content-Length", str(len(response.content)))
        self.end_headers()
        self.wfile.write(response.content)

    def log_message(self, *_: object) -> None:
        """Print nothing: there is a request log, and standard output is for the URL."""
