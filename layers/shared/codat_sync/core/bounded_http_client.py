"""Bound what an HTTP response can cost: in time, from connecting to its last byte, and in memory, once unpacked.

httpx's time-outs apply to each read, so a server that sends a byte now and then holds a call forever; and it unpacks
whatever it receives, so a small response can fill the memory.
"""

import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from ssl import SSLContext
from typing import Any

import httpcore
import httpx

# Unpacked. A page of 1,000 of Codat's transactions with the longest messages (16 KB) takes as much.
MAX_RESPONSE_BYTES = 16 * 1024 * 1024
# The only encoding that is requested and unpacked.
_GZIP = "gzip"
_CHUNK = 64 * 1024
# On time.monotonic's clock: when the current call has to be complete.
_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


class ResponseTooLargeError(httpx.TransportError):
    """A response has more bytes than are read."""


@contextmanager
def limit_call(seconds: float) -> Iterator[None]:
    """Let connecting, sending and receiving take at most ``seconds`` together: then httpx's time-out errors follow."""
    token = _deadline.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _deadline.reset(token)


def build_http_client(base_url: str = "") -> httpx.Client:
    """Return a client whose calls keep the limit of ``limit_call`` and raise ResponseTooLargeError above 16 MB."""
    return httpx.Client(base_url=base_url, headers={"Accept-Encoding": _GZIP}, transport=_BoundedTransport())


def _remaining(timeout: float | None, error: type[Exception]) -> float | None:
    """Return the part of ``timeout`` that the call's limit allows, in seconds. Raises ``error`` if none is left."""
    deadline = _deadline.get()
    if deadline is None:
        return timeout
    left = deadline - time.monotonic()
    if left <= 0:
        raise error("the call took too long")
    return left if timeout is None else min(timeout, left)


class _BoundedTransport(httpx.HTTPTransport):
    def __init__(self) -> None:
        super().__init__()
        # httpx has no parameter for it: tests/unit/core/test_bounded_http_client.py notices if that changes.
        self._pool._network_backend = _DeadlineBackend()  # noqa: SLF001

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        is_packed = response.headers.get("content-encoding", "").strip().lower() == _GZIP
        if is_packed:
            del response.headers["content-encoding"]
        response.stream = _BoundedStream(response.stream, is_packed=is_packed)
        return response


class _BoundedStream(httpx.SyncByteStream):
    """The content of a response, unpacked in pieces of at most 64 KB however well they were packed."""

    def __init__(self, stream: Any, *, is_packed: bool) -> None:  # noqa: ANN401 - httpx declares streams of both kinds
        self._stream = stream
        self._is_packed = is_packed

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for piece in self._unpack() if self._is_packed else self._stream:
            size += len(piece)
            if size > MAX_RESPONSE_BYTES:
                raise ResponseTooLargeError(f"the response has more than {MAX_RESPONSE_BYTES} bytes")
            yield piece

    def _unpack(self) -> Iterator[bytes]:
        unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        for received in self._stream:
            pending = received
            while pending:
                try:
                    yield unpacker.decompress(pending, _CHUNK)
                except zlib.error as error:
                    raise httpx.DecodingError(str(error)) from error
                pending = unpacker.unconsumed_tail
        yield unpacker.flush()

    def close(self) -> None:
        self._stream.close()


class _DeadlineBackend(httpcore.NetworkBackend):
    def __init__(self) -> None:
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        left = _remaining(timeout, httpcore.ConnectTimeout)
        return _DeadlineStream(self._backend.connect_tcp(host, port, left, local_address, socket_options))


class _DeadlineStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _remaining(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _remaining(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _remaining(timeout, httpcore.ConnectTimeout)
        return _DeadlineStream(self._stream.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - as httpcore declares it
        return self._stream.get_extra_info(info)
