"""Shows a sync as it stands in the table of the local stack: `python -m dev.show SYNC_ID`."""

import argparse
from datetime import timedelta

from rich.console import Console
from rich.table import Table

from codat_sync.document import SyncDocument
from codat_sync.status import status_code
from codat_sync.store import Store
from dev.aws import LocalAws
from dev.errors import LocalStackError, told
from dev.outputs import Outputs


def main() -> None:
    """Show the sync that was asked for."""
    parser = argparse.ArgumentParser(prog="python -m dev.show", description="Shows a sync as it stands in the table.")
    parser.add_argument("sync_id")
    sync_id = parser.parse_args().sync_id
    local = Outputs.read()
    # Readers remember no events, so it does not matter for how long.
    store = Store(LocalAws(local.aws_endpoint_url).dynamodb, local.table_name, event_retention=timedelta())
    document = store.load_sync(sync_id)
    if document is None:
        raise LocalStackError(f"The table has no sync {sync_id}: was a webhook sent for it?")
    _print(document)


def _print(document: SyncDocument) -> None:
    sync, status = document.sync, document.sync.status
    console = Console(highlight=False)
    console.print(f"sync     {status.sync_id}\ncompany  {status.company_id}")
    console.print(f"outcome  {sync.outcome} ({status.code}: {status_code(status.code).meaning})")
    console.print(f"message  {status.error_message or '-'}\nversion  {document.version}", markup=False)
    table = Table("transaction", "type", "status", "message", box=None)
    for item in sync.items:
        table.add_row(item.transaction_id, item.integration_type, item.status, item.message)
    console.print(table)


if __name__ == "__main__":
    with told():
        main()
