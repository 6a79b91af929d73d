"""Check that Docker is available for `make sam-local`, and remove its containers afterwards."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from dev.waiting import PATIENCE_SECONDS
from ops.errors import CommandError


def missing() -> str | None:
    """Return what containers need and this machine lacks, with how to get it; None if nothing."""
    if not shutil.which("docker"):
        return (
            "sam local needs Docker, and `docker` is not installed: see https://docs.docker.com/get-started/get-docker/"
        )
    if _docker("version").returncode:
        return (
            "sam local needs Docker, and no engine answers `docker version`: start Docker Desktop, or on Linux "
            "`sudo systemctl start docker` (and be in the group docker)"
        )
    return None


@contextmanager
def removing_containers(label: str) -> Iterator[None]:
    """Remove every container with ``mark`` in its environment at the end of the block.

    SAM CLI leaves its containers behind if it is not ended by Ctrl-C, and gives them no name to find them by.
    """
    try:
        yield
    finally:
        if marked := list(_with_label(label)):
            removal = _docker("rm", "--force", *marked)
            if removal.returncode:
                raise CommandError(f"containers are left behind: {removal.stderr.strip()}")


def _with_label(label: str) -> Iterator[str]:
    containers = _docker("ps", "--all", "--quiet", "--no-trunc").stdout.split()
    if not containers:
        return
    # Docker reports an error for a container that is already gone, but still lists the others.
    environments = _docker("container", "inspect", "--format", "{{.Id}} {{json .Config.Env}}", *containers).stdout
    for line in environments.splitlines():
        container, environment = line.split(" ", 1)
        if label in environment:
            yield container


def _docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ["docker", *arguments], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise CommandError(f"Docker takes more than {PATIENCE_SECONDS} s for {' '.join(error.cmd[:3])}") from error
