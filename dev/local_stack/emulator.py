"""The embedded AWS: MiniStack, in a virtual environment of its own."""

import os
import socket
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from dev.paths import EMULATOR_VENV
from dev.processes.process import running
from dev.waiting import PATIENCE_SECONDS
from ops.errors import CommandError
from ops.local_stack import REGION

LOOPBACK = "127.0.0.1"

_LAUNCH = Path(__file__).with_name("launch_emulator.py")


@contextmanager
def emulator(directory: Path, log: Path) -> Iterator[str]:
    """Run the emulator with its files in ``directory``; yields its URL once it answers."""
    python = _bare_python(directory / "python")
    with socket.create_server((LOOPBACK, 0)) as listener:
        port = listener.getsockname()[1]
        command = [str(python), str(_LAUNCH), str(listener.fileno()), str(_site_packages())]
        with running(command, log=log, env=_environment(directory, port), pass_fds=[listener.fileno()]):
            # From here on only the emulator holds the socket: if it ends, requests fail instead of waiting.
            listener.close()
            _wait_until_healthy(port, log)
            yield f"http://{LOOPBACK}:{port}"


def _bare_python(directory: Path) -> Path:
    venv.create(directory, symlinks=True, with_pip=False)
    return directory / "bin" / "python"


def _site_packages() -> Path:
    (packages,) = EMULATOR_VENV.glob("lib/python3.*/site-packages")
    return packages


def _environment(directory: Path, port: int) -> dict[str, str]:
    """Return the whole environment of the emulator, which every function inherits."""
    return {
        "PATH": os.defpath,
        "HOME": str(directory),
        "TMPDIR": str(directory),
        "TZ": "UTC",  # as in Lambda
        "AUTH": "true",  # IAM is enforced
        "BIND_HOST": LOOPBACK,
        "MINISTACK_HOST": LOOPBACK,
        "MINISTACK_REGION": REGION,
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",  # would listen on every address
        "SFTP_ENABLED": "0",  # the same
        "DOCKER_HOST": "unix:///nowhere",  # It would remove containers, ours of `sam local` too.
    }


def _wait_until_healthy(port: int, log: Path) -> None:
    connection = HTTPConnection(LOOPBACK, port, timeout=PATIENCE_SECONDS)
    try:
        connection.request("GET", "/_ministack/health")
        connection.getresponse()
    except (HTTPException, OSError) as error:
        raise CommandError(f"the emulator does not answer ({error!r}); see {log}") from error
    finally:
        connection.close()
