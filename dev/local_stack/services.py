"""The services that the project runs on: the embedded AWS, and simulated or real Codat."""

import base64
import secrets
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from dev.local_stack.emulator import emulator
from dev.local_stack.simulator_process import simulator
from dev.paths import LOGS
from dev.processes.run_directory import run_directory
from ops.errors import CommandError


@dataclass(frozen=True)
class Codat:
    """URL and API key of a Codat."""

    url: str
    api_key: str


@dataclass(frozen=True)
class Services:
    """URLs of the embedded AWS and Codat, and Codat's signing secret."""

    aws_endpoint_url: str
    codat: Codat
    signing_secret: str
    is_simulated: bool

    def uses_codat(self, codat: Codat | None) -> bool:
        """Return whether ``codat`` is the one in use; None stands for the simulator."""
        return self.codat == codat if codat else self.is_simulated


def real_codat(environment: Mapping[str, str]) -> Codat | None:
    """Return the Codat of CODAT_BASE_URL and CODAT_API_KEY, None without URL. Raises CommandError without key."""
    url, api_key = environment.get("CODAT_BASE_URL"), environment.get("CODAT_API_KEY")
    if not url:
        return None
    if not api_key:
        raise CommandError("CODAT_BASE_URL is set, but CODAT_API_KEY is missing.")
    return Codat(url.rstrip("/"), api_key)


@contextmanager
def running_services(name: str, codat: Codat | None = None, *, time_scale: float = 1) -> Iterator[Services]:
    """Run the embedded AWS and, unless there is a ``codat``, the simulator of one.

    All of it ends with the block, however that is left. ``time_scale`` shortens the simulator's schedule of retries.
    """
    logs = LOGS / name
    signing_secret = "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
    with _exit_on_sigterm(), ExitStack() as stack:
        directory = stack.enter_context(run_directory(name))
        endpoint = stack.enter_context(emulator(directory, logs / "emulator.log"))
        if not codat:
            api_key = secrets.token_urlsafe(24)
            simulated = simulator(
                api_key=api_key,
                signing_secret=signing_secret,
                time_scale=time_scale,
                log=logs / "simulator.log",
            )
            yield Services(endpoint, Codat(stack.enter_context(simulated), api_key), signing_secret, is_simulated=True)
        else:
            yield Services(endpoint, codat, signing_secret, is_simulated=False)


@contextmanager
def _exit_on_sigterm() -> Iterator[None]:
    """Let SIGTERM leave the block as Ctrl-C does. Only a process's main thread can."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
