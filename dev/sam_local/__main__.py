"""Run every event of `events/` through `sam local`, against a local stack of its own."""

import sys
import time
from contextlib import ExitStack
from urllib.parse import urlsplit

from dev.local_stack.aws_clients import LocalAws
from dev.local_stack.temporary_stack import local_stack
from dev.processes.run_directory import run_directory
from dev.sam_local.build import build
from dev.sam_local.cli import SamLocal
from dev.sam_local.docker import containers_removed, missing
from dev.sam_local.docker_forwarder import forwarded
from dev.sam_local.env_vars import env_vars
from dev.sam_local.events import check_all_expected
from dev.sam_local.run import Run
from ops.errors import told
from ops.paths import LOGS, ROOT

_DOCKER_MISSING = 2


def main() -> None:
    """Run them, and say how that went."""
    if complaint := missing():
        print(complaint, file=sys.stderr)
        sys.exit(_DOCKER_MISSING)
    check_all_expected()
    began = time.monotonic()
    target = build()
    print(f"Built for {target}; each event takes a container of its own.", flush=True)
    with ExitStack() as stack:
        run = _prepared(stack)
        run.invoke_all()
        run.post()
    seconds = time.monotonic() - began
    if run.wrong:
        sys.exit(
            f"{run.wrong} of {run.well + run.wrong} went wrong; the logs are in {LOGS.relative_to(ROOT)}/sam-local."
        )
    print(f"All is well: {run.well} of {run.well} went through sam local as expected, in {seconds:.0f} s.")


def _prepared(stack: ExitStack) -> Run:
    """Return what is ready to run; all of it goes away with ``stack``."""
    outputs = stack.enter_context(local_stack("sam-local"))
    directory = stack.enter_context(run_directory("sam-local-cli"))
    ports = [port for url in (outputs.aws_endpoint_url, outputs.codat_url) if (port := urlsplit(url).port)]
    stack.enter_context(forwarded(ports))
    environments = env_vars(LocalAws(outputs.aws_endpoint_url))
    # No other container is told of this very emulator.
    stack.enter_context(containers_removed(environments["ReceiverFunction"]["AWS_ENDPOINT_URL"]))
    return Run(SamLocal(directory, environments, outputs.aws_endpoint_url), outputs)


if __name__ == "__main__":
    with told():
        main()
