"""Run `sam local` against a local stack."""

import json
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from dev.local_stack.emulator import LOOPBACK
from dev.paths import LOGS
from dev.private_files import write_private
from dev.processes.process import running
from dev.sam_local.build import SAM
from dev.stored_events import Payload
from dev.waiting import PATIENCE_SECONDS, poll
from ops.errors import CommandError

# For Docker: the first container may have to wait for the runtime's image, and a busy machine is slow to start one.
# The function's own timeout begins when its container answers.
_CONTAINER_SECONDS = 600

_LOGS = LOGS / "sam-local"


_MAX_SHOWN = 200


class NoAnswerError(Exception):
    """A function did not answer; the text says whether the container or the function is the reason."""


@dataclass(frozen=True)
class Invocation:
    """An invocation in progress."""

    process: subprocess.Popen[str]
    log: Path
    began: float

    def answer(self) -> object:
        """Wait for the function's answer. Raises NoAnswerError."""
        try:
            self.process.wait(_CONTAINER_SECONDS)  # `communicate` would close its input, which ends it.
        except subprocess.TimeoutExpired:
            raise NoAnswerError(f"SAM CLI did not end within {_CONTAINER_SECONDS} s: is Docker busy?") from None
        text = self.process.stdout.read() if self.process.stdout else ""
        return read_answer(text, self.log.read_text(errors="replace"), self.process.returncode)


def read_answer(text: str, log: str, code: int) -> object:
    """Return the answer that SAM CLI printed. Raises NoAnswerError with what its log says if there is none."""
    with suppress(ValueError):
        answer: object = json.loads(text)
        if not (isinstance(answer, dict) and "errorMessage" in answer):
            return answer
    if seconds := re.search(r"Function '.*' timed out after (\d+) seconds", log):
        raise NoAnswerError(f"the function started, and reached its own timeout of {seconds[1]} s")
    if "establish a connection to the container" in log:
        raise NoAnswerError("the container did not start in time: the function was not invoked")
    if text.strip():
        raise NoAnswerError(f"the function failed: {text.strip()[:_MAX_SHOWN]}")
    raise NoAnswerError(f"SAM CLI ended with code {code} and without an answer")


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
            yield Invocation(process, log, time.monotonic())

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
            "SAM_CLI_CONTAINER_CONNECTION_TIMEOUT": str(_CONTAINER_SECONDS),
            "SAM_CLI_TELEMETRY": "0",
            "TMPDIR": str(self._directory),  # A lock of SAM CLI's that a killed one left would hold us up for minutes.
        }


def _wait_until_answering(url: str, process: subprocess.Popen[str], log: Path) -> None:
    poll(lambda: process.poll() is not None or _answers(url), seconds=_CONTAINER_SECONDS)
    if process.poll() is not None or not _answers(url):
        state = "still runs, and" if process.poll() is None else f"ended with code {process.returncode}:"
        raise CommandError(f"sam local start-api {state} does not answer; see {log}")


def _answers(url: str) -> bool:
    try:
        httpx.get(url, timeout=PATIENCE_SECONDS, trust_env=False)
    except httpx.TransportError:
        return False
    return True
