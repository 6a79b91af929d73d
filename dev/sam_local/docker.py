"""Docker, as far as `make sam-local` needs it: whether it is there, and that no container is left there."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from ops.errors import LocalStackError

_SECONDS = 60


def missing() -> str | None:
    """Return what is missing for containers to run on this machine, and how to get it."""
    if not shutil.which("docker"):
        return (
            "sam local needs Docker, and there is no `docker` here: see https://docs.docker.com/get-started/get-docker/"
        )
    if _docker("version").returncode:
        return (
            "sam local needs Docker, and no engine answers `docker version`: start Docker Desktop, or on Linux "
            "`sudo systemctl start docker` (and be in the group docker)"
        )
    return None


@contextmanager
def containers_removed(mark: str) -> Iterator[None]:
    """Remove, when the block is left, every container in whose environment ``mark`` stands.

    SAM CLI leaves its containers behind if it is not ended by Ctrl-C, and gives them no name to find them by.
    """
    try:
        yield
    finally:
        if marked := list(_marked(mark)):
            removal = _docker("rm", "--force", *marked)
            if removal.returncode:
                raise LocalStackError(f"containers are left behind: {removal.stderr.strip()}")


def _marked(mark: str) -> Iterator[str]:
    containers = _docker("ps", "--all", "--quiet", "--no-trunc").stdout.split()
    if not containers:
        return
    # One that is gone by now is an error to it, and none to us: it tells of the others even so.
    environments = _docker("container", "inspect", "--format", "{{.Id}} {{json .Config.Env}}", *containers).stdout
    for line in environments.splitlines():
        container, environment = line.split(" ", 1)
        if mark in environment:
            yield container


def _docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise LocalStackError(f"Docker takes more than {_SECONDS} s for {' '.join(error.cmd[:3])}") from error
