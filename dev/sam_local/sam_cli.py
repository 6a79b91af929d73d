"""Run `sam local` against a local stack."""

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from dev.local_stack.emulator import LOOPBACK
from dev.paths import LOGS
from dev.private_files import write_private
from dev.processes.process import running
from dev.sam_local.build import SAM
from dev.stored_events import Payload
from ops.errors import CommandError

# The first one may have to download the runtime's image.
_SECONDS = 600

_LOGS = LOGS / "sam-local"


@dataclass(frozen=True)
class Invocation:
    """An invocation in progress."""

    process: subprocess.Popen[str]
    began: float

    def answer(self) -> object:
        """Wait for the function's answer; None if there is none."""
        try:
            self.process.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            return None
        text = self.process.stdout.read() if self.process.stdout else ""
        try:
            answer: object = json.loads(text)
        except ValueError:
            return None
        return answer


class SamLocal:
    """SAM CLI, with a temporary folder for its files."""

    def __init__(self, directory: Path, env_vars: dict[str, dict[str, str]], aws_endpoint_url: str) -> None:
        self._directory = directory
        self._aws_endpoint_url = aws_endpoint_url
        self._env_vars = directory / "env-vars.json"
        write_private(self._env_vars, env_vars)

    @contextmanager
    def invoke(self, function: str, name: str, payload: Payload) -> Iterator[Invocation]:
        """Start to invoke ``function``; the invocation ends with the block."""
        event = self._directory / f"{function}-{name}.json"
        write_private(event, payload)
        log = _LOGS / f"{function}-{name}.log"
        command = self._command("invoke", function, "--event", str(event))
        with running(command, log=log, env=self._environment(), read=True) as process:
            yield Invocation(process, time.monotonic())

    @contextmanager
    def start_api(self) -> Iterator[str]:
        """Serve the HTTP API; yields its URL once it answers."""
        with socket.create_server((LOOPBACK, 0)) as free:
            port = free.getsockname()[1]
        log = _LOGS / "start-api.log"
        command = self._command("start-api", "--host", LOOPBACK, "--port", str(port))
        with running(command, log=log, env=self._environment()) as process:
            url = f"http://{LOOPBACK}:{port}"
            _wait_until_answering(url, process, log)
            yield url

    def _command(self, *arguments: str) -> list[str]:
        command, *others = arguments
        return [str(SAM), "local", command, "--config-env", "local", "--env-vars", str(self._env_vars), *others]

    def _environment(self) -> dict[str, str]:
        """Return this machine's environment, with the emulator as AWS."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        # SAM CLI is started often: it is not to be compiled anew each time.
        inherited.pop("PYTHONDONTWRITEBYTECODE", None)
        return inherited | {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_ENDPOINT_URL": self._aws_endpoint_url,  # SAM CLI itself asks AWS whose account it is.
            "SAM_CLI_TELEMETRY": "0",
            "TMPDIR": str(self._directory),  # A lock of SAM CLI's that a killed one left would hold us up for minutes.
        }


def _wait_until_answering(url: str, process: subprocess.Popen[str], log: Path) -> None:
    deadline = time.monotonic() + _SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            httpx.get(url, timeout=5, trust_env=False)
        except httpx.TransportError:
            time.sleep(0.2)
        else:
            return
    raise CommandError(f"sam local start-api does not answer; see {log}")
