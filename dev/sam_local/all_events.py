"""Run every event of `events/` through `sam local`, against its own local stack."""

import sys
import time
from contextlib import ExitStack
from urllib.parse import urlsplit

from dev.local_stack.aws_clients import LocalAws
from dev.local_stack.temporary_stack import local_stack
from dev.paths import LOGS, ROOT
from dev.processes.run_directory import run_directory
from dev.sam_local.build import build
from dev.sam_local.docker import missing, removing_containers
from dev.sam_local.docker_forwarder import forwarded
from dev.sam_local.env_vars import env_vars
from dev.sam_local.events import check_expectations_complete
from dev.sam_local.run import Run
from dev.sam_local.sam_cli import SamLocal

_DOCKER_MISSING = 2


def run_all_events() -> None:
    """Run them and print the results. Exits with 1 if any differs from what is expected, with 2 without Docker."""
    if complaint := missing():
        print(complaint, file=sys.stderr)
        sys.exit(_DOCKER_MISSING)
    check_expectations_complete()
    began = time.monotonic()
    target = build()
    print(f"Built for {target}; each event runs in its own container.", flush=True)
    with ExitStack() as stack:
        run = _prepared(stack)
        run.invoke_all()
        run.post()
    seconds = time.monotonic() - began
    if run.wrong:
        sys.exit(f"{run.wrong} of {run.well + run.wrong} failed; the logs are in {LOGS.relative_to(ROOT)}/sam-local.")
    print(f"All passed: {run.well} of {run.well} events ran through sam local as expected, in {seconds:.0f} s.")


def _prepared(stack: ExitStack) -> Run:
    """Return a run on a new local stack, which ends with ``stack``."""
    outputs = stack.enter_context(local_stack("sam-local"))
    directory = stack.enter_context(run_directory("sam-local-cli"))
    ports = [port for url in (outputs.aws_endpoint_url, outputs.codat_url) if (port := urlsplit(url).port)]
    stack.enter_context(forwarded(ports))
    environments = env_vars(LocalAws(outputs.aws_endpoint_url))
    # No other container has this emulator's address.
    stack.enter_context(removing_containers(environments["ReceiverFunction"]["AWS_ENDPOINT_URL"]))
    return Run(SamLocal(directory, environments, outputs.aws_endpoint_url), outputs)
