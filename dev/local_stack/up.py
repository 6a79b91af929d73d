"""Start the local stack and leave it running, or update it."""

import os
import time

from dev.codat_simulator.control.client import SimulatorControl
from dev.local_stack import background
from dev.local_stack.aws_clients import LocalAws
from dev.local_stack.deployment import deploy
from dev.local_stack.sample_syncs import SampleHistory
from dev.local_stack.services import Services, real_codat
from dev.paths import ENV_VARS, LOGS, ROOT
from dev.private_files import write_private
from dev.sam_local.env_vars import env_vars
from dev.stored_events import SYNC_ID
from ops.local_stack import OUTPUTS, Outputs

_EXAMPLE = f"""
Send a webhook, signed as Codat would sign it, and show the sync in the table:

  .venv/bin/python -m dev send-webhook events/receiver/sync-unsuccessful.json
  .venv/bin/python -m dev show-sync {SYNC_ID}
"""


def start_local_stack() -> None:
    """Start or update the stack, and print its addresses."""
    started = time.monotonic()
    with background.control_lock():
        services, was_running = _services()
        try:
            outputs = deploy(services)
        except BaseException:
            if not was_running:
                background.stop()
            raise
        write_private(OUTPUTS, outputs.to_json())
        write_private(ENV_VARS, env_vars(LocalAws(outputs.aws_endpoint_url)))
    done = "Updated the running stack" if was_running else "Started the stack"
    print(f"{done} in {time.monotonic() - started:.1f} s; `make down` stops it.\n\n{_summary(outputs)}\n{_EXAMPLE}")
    if services.is_simulated and not was_running:
        print("Adding four weeks of sample syncs to the dashboard …", end=" ", flush=True)
        with SimulatorControl(services.codat.url) as codat:
            print(
                f"{SampleHistory(outputs, codat).generate()} added, {time.monotonic() - started:.0f} s after the start."
            )


def _services() -> tuple[Services, bool]:
    """Return the services to deploy to, and whether they were running already."""
    codat = real_codat(os.environ)
    services = background.find()
    if services and services.uses_codat(codat):
        return services, True
    if services:
        print("CODAT_BASE_URL has changed: starting over.")
        background.stop()
    return background.start(), False


def _summary(outputs: Outputs) -> str:
    lines = {
        "dashboard": f"{outputs.api_url}/",
        "webhooks": outputs.webhook_url,
        "Codat": outputs.codat_url,
        "AWS": outputs.aws_endpoint_url,
        "table": outputs.table_name,
        "for scripts": OUTPUTS.relative_to(ROOT),
        "for sam local": ENV_VARS.relative_to(ROOT),
        "logs": (LOGS / "up").relative_to(ROOT),
    }
    return "\n".join(f"  {name:<15}{value}" for name, value in lines.items())
