"""Background process with the services that `make up` leaves running."""

import json
import os
import signal
import subprocess
import sys
from contextlib import AbstractContextManager
from dataclasses import asdict
from urllib.parse import urlsplit

from dev.local_stack.services import Codat, Services, real_codat, running_services
from dev.paths import LOGS, ROOT, UP
from dev.private_files import write_private
from dev.processes.lock import is_locked, locked
from dev.sam_local.docker_forwarder import forwarded
from ops.errors import CommandError

# Held while that process lives. Its id alone is no proof: it may have been reused.
_ALIVE = UP / "alive.lock"
_STATE = UP / "services.json"
_LOG = LOGS / "up" / "background.log"


def control_lock() -> AbstractContextManager[None]:
    """Lock out other commands that start or stop the services."""
    return locked(UP / "commanding.lock")


def find() -> Services | None:
    """Return the running services, None if there are none."""
    if not is_locked(_ALIVE):
        return None
    return _read_services()


def start() -> Services:
    """Start the services. They outlive this process."""
    _LOG.parent.mkdir(parents=True, exist_ok=True)
    with _LOG.open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "dev.local_stack.background"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    try:
        is_up = bool(process.stdout and process.stdout.readline())
    except KeyboardInterrupt:
        process.terminate()
        raise
    if not is_up:
        raise CommandError(f"the services did not start; see {_LOG}")
    return _read_services()


def stop() -> bool:
    """Stop the services and wait until they have ended; returns whether there were any."""
    if not is_locked(_ALIVE):
        return False
    os.kill(json.loads(_STATE.read_text())["pid"], signal.SIGTERM)
    with locked(_ALIVE):
        _STATE.unlink(missing_ok=True)
    return True


def _read_services() -> Services:
    services = json.loads(_STATE.read_text())["services"]
    return Services(**services | {"codat": Codat(**services["codat"])})


def main() -> None:
    """Run the services until SIGTERM."""
    with locked(_ALIVE, wait=False), running_services("up", real_codat(os.environ)) as services:
        urls = [services.aws_endpoint_url] + [services.codat.url] * services.is_simulated
        with forwarded(port for url in urls if (port := urlsplit(url).port)):
            write_private(_STATE, {"pid": os.getpid(), "services": asdict(services)})
            print("up", flush=True)
            while True:
                signal.pause()


if __name__ == "__main__":
    main()
