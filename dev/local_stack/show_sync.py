"""Show a sync as it is stored in the local stack's table."""

from datetime import timedelta

from rich.console import Console
from rich.table import Table as Grid

from codat_sync.aws.dynamodb import Table
from codat_sync.core.timestamps import format_timestamp
from codat_sync.syncs.record import SyncRecord
from codat_sync.syncs.repository import SyncRepository
from codat_sync.syncs.status_codes import status_code
from codat_sync.syncs.sync import Sync
from dev.local_stack.aws_clients import LocalAws, queue_depth
from dev.waiting import poll
from ops.errors import CommandError
from ops.local_stack import Outputs


def show_sync(sync_id: str) -> None:
    """Print the sync with its items. Raises CommandError if the table does not have it once SyncQueue is empty."""
    local = Outputs.read()
    aws = LocalAws(local.aws_endpoint_url)
    # The retention matters only to writers.
    store = SyncRepository(Table(aws.dynamodb, local.table_name), event_retention=timedelta())
    # A webhook that was just sent is on SyncQueue until its sync is stored.
    poll(lambda: store.load_sync(sync_id) or not queue_depth(aws.sqs, local.queue_url))
    if (record := store.load_sync(sync_id)) is None:
        raise CommandError(f"The table has no sync {sync_id}: send a webhook for it first.")
    _print(record)


def _print(record: SyncRecord) -> None:
    console = Console(highlight=False)
    console.print(f"sync     {record.sync_id}\ncompany  {record.company_id}")
    console.print(f"outcome  {record.outcome}{_code(record)}\nversion  {record.version}")
    if record.pending_check:
        pending_check = record.pending_check
        due = (
            f"next check at {format_timestamp(pending_check.due_at)}" if pending_check.due_at else "no check scheduled"
        )
        reason = pending_check.check_failure or "in progress"
        console.print(f"pending  since {format_timestamp(pending_check.since)}, {due} ({reason})")
    if record.sync:
        _print_sync(console, record.sync)


def _code(record: SyncRecord) -> str:
    if record.sync is None:
        return ""
    code = record.sync.status.code
    return f" ({code}: {status_code(code).meaning})"


def _print_sync(console: Console, sync: Sync) -> None:
    console.print(f"message  {sync.status.error_message or '-'}", markup=False)
    table = Grid("transaction", "type", "status", "message", box=None)
    for item in sync.items:
        table.add_row(item.transaction_id, item.integration_type, item.status, item.message)
    console.print(table)
