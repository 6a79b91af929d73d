"""Calls to servers that send too slowly, or too much."""

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest

from codat_sync.core.bounded_http_client import ResponseTooLargeError, build_http_client, limit_call
from dev.waiting import PATIENCE_SECONDS

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"


@contextmanager
def _serve(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """Serve one connection with ``answer``; yields the URL."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def run() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                try:
                    answer(connection)
                except OSError:
                    return  # The client has gone.

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join(PATIENCE_SECONDS)


def _drip(connection: socket.socket, head: bytes) -> None:
    """Send ``head``, and then a byte every 20 ms."""
    connection.sendall(head)
    while True:
        time.sleep(0.02)
        connection.sendall(b"x")


@pytest.mark.parametrize(
    "head",
    [b"", _HEAD, _HEAD + b"Content-Length: 100000\r\n\r\n"],
    ids=["status line", "headers", "body"],
)
def test_a_server_that_drips_is_given_up(head: bytes) -> None:
    """Each byte arrives well before httpx's own time-out, which applies to each read: without a limit it never ends."""
    with (
        _serve(lambda connection: _drip(connection, head)) as url,
        build_http_client(url) as client,
        pytest.raises(httpx.ReadTimeout),
        limit_call(1),
    ):
        client.get("/", timeout=PATIENCE_SECONDS)


def test_a_call_without_time_left_is_not_sent() -> None:
    """So it is known that nothing was done."""
    with build_http_client("http://127.0.0.1:9") as client, pytest.raises(httpx.ConnectTimeout), limit_call(-1):
        client.get("/")


def _send_packed(connection: socket.socket, packed: bytes) -> None:
    length = b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    connection.sendall(_HEAD + length + packed)


def test_a_packed_response_is_unpacked_in_small_pieces() -> None:
    """A few kilobytes may become many megabytes: the reader stops when it has enough."""
    packed = gzip.compress(bytes(50_000_000))
    assert len(packed) < 50_000
    with (
        _serve(lambda connection: _send_packed(connection, packed)) as url,
        build_http_client(url) as client,
        client.stream("GET", "/") as response,
    ):
        pieces = response.iter_raw()
        while True:
            try:
                assert len(next(pieces)) <= 65_536
            except ResponseTooLargeError:
                return


def _send_endlessly(connection: socket.socket) -> None:
    connection.sendall(_HEAD + b"\r\n")
    while True:
        connection.sendall(bytes(1_000_000))


def test_a_response_without_end_is_given_up() -> None:
    """Packed or not."""
    with _serve(_send_endlessly) as url, build_http_client(url) as client, pytest.raises(ResponseTooLargeError):
        client.get("/")


@pytest.mark.parametrize("text", [b"", b"short", b"x" * 1_000_000])
def test_a_packed_response_is_the_text_that_was_packed(text: bytes) -> None:
    """From its first to its last byte."""
    packed = gzip.compress(text)
    with _serve(lambda connection: _send_packed(connection, packed)) as url, build_http_client(url) as client:
        assert client.get("/").content == text


def test_a_damaged_package_is_an_error_of_httpx() -> None:
    """Which callers expect."""
    with (
        _serve(lambda connection: _send_packed(connection, b"not gzip")) as url,
        build_http_client(url) as client,
        pytest.raises(httpx.DecodingError),
    ):
        client.get("/")
