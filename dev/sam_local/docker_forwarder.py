"""Forward connections from containers, which reach this machine at the address of Docker's bridge.

Docker Desktop forwards `host.docker.internal` to 127.0.0.1 by itself; on Linux the name stands for the bridge.
"""

import fcntl
import socket
import struct
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer

from dev.local_stack.emulator import LOOPBACK

_SIOCGIFADDR = 0x8915
_CHUNK = 65536


@contextmanager
def forwarded(ports: Iterable[int]) -> Iterator[None]:
    """Forward ``ports`` of Docker's bridge, if there is one, to the same ports of this machine."""
    with ExitStack() as stack:
        if address := _bridge_address():
            for port in ports:
                server = stack.enter_context(_Server((address, port), _Forward))
                threading.Thread(target=server.serve_forever, daemon=True).start()
                stack.callback(server.shutdown)
        yield


class _Server(ThreadingTCPServer):
    daemon_threads = True


class _Forward(BaseRequestHandler):
    """One connection."""

    def handle(self) -> None:
        port = self.request.getsockname()[1]
        with socket.create_connection((LOOPBACK, port)) as inside:
            threading.Thread(target=_copy, args=(inside, self.request), daemon=True).start()
            _copy(self.request, inside)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(_CHUNK):
            target.sendall(chunk)
        target.shutdown(socket.SHUT_WR)


def _bridge_address() -> str | None:
    if sys.platform != "linux":
        return None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            answer = fcntl.ioctl(probe, _SIOCGIFADDR, struct.pack("256s", b"docker0"))
        except OSError:
            return None
    return socket.inet_ntoa(answer[20:24])
