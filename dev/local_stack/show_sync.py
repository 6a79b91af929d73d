"""Shows a sync as it stands in the table of the local stack: `python -m dev.local_stack.show_sync SYNC_ID`."""

import argparse
import time
from datetime import timedelta

from rich.console import Console
from rich.table import Table as Grid

from codat_sync.aws.dynamodb import Table
from codat_sync.core.timestamps import format_instant
from codat_sync.syncs.record import SyncDocument
from codat_sync.syncs.repository import Store
from codat_sync.syncs.status_codes import status_code
from codat_sync.syncs.sync import Sync
from dev.local_stack.aws_clients import LocalAws
from ops.errors import LocalStackError, told
from ops.local_outputs import Outputs

_PATIENCE_SECONDS = 15


def main() -> None:
    """Show the sync that was asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m dev.local_stack.show_sync", description="Shows a sync as it stands in the table."
    )
    parser.add_argument("sync_id")
    sync_id = parser.parse_args().sync_id
    local = Outputs.read()
    # Readers remember no events, so it does not matter for how long.
    store = Store(Table(LocalAws(local.aws_endpoint_url).dynamodb, local.table_name), event_retention=timedelta())
    _print(_awaited(store, sync_id))


def _awaited(store: Store, sync_id: str) -> SyncDocument:
    """Return the sync once it is there: a webhook that was sent just now takes a while to get to the table."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while (document := store.load_sync(sync_id)) is None:
        if time.monotonic() > deadline:
            raise LocalStackError(f"The table has no sync {sync_id}: was a webhook sent for it?")
        time.sleep(0.1)
    return document


def _print(document: SyncDocument) -> None:
    console = Console(highlight=False)
    console.print(f"sync     {document.sync_id}\ncompany  {document.company_id}")
    console.print(f"outcome  {document.outcome}{_code(document)}\nversion  {document.version}")
    if document.waiting:
        waiting = document.waiting
        due = f"looked at again at {format_instant(waiting.due_at)}" if waiting.due_at else "not looked at by itself"
        console.print(f"waiting  since {format_instant(waiting.since)}, {due} ({waiting.trouble or 'in progress'})")
    if document.sync:
        _print_sync(console, document.sync)


def _code(document: SyncDocument) -> str:
    if document.sync is None:
        return ""
    code = document.sync.status.code
    return f" ({code}: {status_code(code).meaning})"


def _print_sync(console: Console, sync: Sync) -> None:
    console.print(f"message  {sync.status.error_message or '-'}", markup=False)
    table = Grid("transaction", "type", "status", "message", box=None)
    for item in sync.items:
        table.add_row(item.transaction_id, item.integration_type, item.status, item.message)
    console.print(table)


if __name__ == "__main__":
    with told():
        main()
