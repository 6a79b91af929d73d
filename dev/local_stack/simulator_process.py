"""Run the simulator of Codat in a process of its own."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from codat_sync.core.clock import utc_now
from dev.codat_simulator.books.models import Item
from dev.codat_simulator.control.client import SimulatorControl
from dev.codat_simulator.control.messages import NewCompany
from dev.paths import ROOT
from dev.processes.process import running
from dev.stored_events import COMPANY_ID, SYNC_ID, TRANSACTION_IDS
from ops.errors import CommandError


@contextmanager
def simulator(*, api_key: str, signing_secret: str, time_scale: float, log: Path) -> Iterator[str]:
    """Run the simulator; yields its URL once it answers."""
    command = [sys.executable, "-m", "dev.codat_simulator", f"--time-scale={time_scale}"]
    # Not in the command line, which all users of this machine can read.
    given = {"SIMULATOR_API_KEY": api_key, "SIMULATOR_SIGNING_SECRET": signing_secret}
    with running(command, log=log, env={**os.environ, **given, "PYTHONPATH": str(ROOT)}, read=True) as process:
        first_line = process.stdout.readline() if process.stdout else ""
        if not first_line:
            raise CommandError(f"the simulator of Codat did not start; see {log}")
        url: str = json.loads(first_line)["url"]
        yield url


def send_webhooks_to(webhook_url: str, *, simulator_url: str) -> None:
    """Set the URL that the simulator sends its webhooks to."""
    with SimulatorControl(simulator_url) as control:
        control.set_webhook_url(webhook_url)


def add_example_sync(simulator_url: str) -> None:
    """Add the company and the sync of the payloads in `events/` to the simulator, as of yesterday."""
    completed, failed = TRANSACTION_IDS
    items = (Item(completed), Item(failed, status="PushError", message="Account 6100 is archived."))
    with SimulatorControl(simulator_url) as control:
        control.add_company(NewCompany(company_id=COMPANY_ID))
        ended = (utc_now() - timedelta(days=1)).isoformat()
        control.add_sync(company_id=COMPANY_ID, sync_id=SYNC_ID, code=5130, items=items, sync_utc=ended)
