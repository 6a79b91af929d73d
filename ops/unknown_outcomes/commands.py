"""List the submissions with an unknown outcome, and record what the accounting software shows."""

from collections.abc import Iterator

from botocore.exceptions import BotoCoreError, ClientError

from codat_sync.aws.dynamodb import Table
from codat_sync.bootstrap.submissions import build_resolution_service
from codat_sync.core.errors import CodatSyncError
from codat_sync.core.timestamps import format_timestamp
from codat_sync.submissions.resolution import AcknowledgementCommand, ResolutionCommand
from codat_sync.submissions.unknown_outcome_repository import UnknownOutcome, UnknownOutcomeRepository
from ops.deployment import Deployment
from ops.errors import CommandError

_AT_ONCE = 100


def list_outcomes(stack: str | None) -> None:
    """Print every submission or sync with an unknown outcome: its company, when it was sent, and its transactions."""
    deployment = Deployment.connect(stack)
    try:
        print_outcomes(deployment.table)
    except (BotoCoreError, ClientError) as error:
        raise CommandError(f"can't read {deployment.description}: {error}") from error


def resolve(stack: str | None, submission_id: str, written: frozenset[str] | None, reason: str) -> None:
    """Record which transactions of a submission are written (None: all of them)."""
    deployment = Deployment.connect(stack)
    try:
        record(deployment.table, ResolutionCommand(submission_id, written, deployment.operator, reason))
    except (BotoCoreError, ClientError) as error:
        raise CommandError(f"not recorded: {error}") from error


def acknowledge(stack: str | None, sync_id: str, reason: str) -> None:
    """Record that the unknown outcomes of a sync are dealt with."""
    deployment = Deployment.connect(stack)
    try:
        command = AcknowledgementCommand(sync_id, deployment.operator, reason)
        is_done = build_resolution_service(deployment.table).acknowledge(command)
    except (BotoCoreError, ClientError, CodatSyncError) as error:
        raise CommandError(f"not recorded: {error}") from error
    if not is_done:
        raise CommandError(f"sync {sync_id} is not on the list")
    print(f"recorded: sync {sync_id}")


def print_outcomes(table: Table) -> None:
    """Print the list of a table."""
    for each in _all_outcomes(UnknownOutcomeRepository(table)):
        what = f"sync {each.sync_id}" if each.sync_id else f"submission {each.submission_id}"
        sent = f" sent {format_timestamp(each.since)}" if each.since else ""
        print(f"{what} of company {each.company_id}{sent}")
        print(f"  transactions: {', '.join(each.transaction_ids)}")


def record(table: Table, command: ResolutionCommand) -> None:
    """Record a statement. Raises CommandError if it is not accepted, and DynamoDB's errors."""
    try:
        is_done = build_resolution_service(table).resolve(command)
    except CodatSyncError as error:
        raise CommandError(f"not recorded: {error}") from error
    if not is_done:
        raise CommandError(f"submission {command.submission_id} does not exist, or its outcome is known")
    print(f"recorded: retries of its transactions are planned again within minutes ({command.submission_id})")


def _all_outcomes(outcomes: UnknownOutcomeRepository) -> Iterator[UnknownOutcome]:
    cursor: str | None = None
    while True:
        found, cursor = outcomes.load(cursor, _AT_ONCE)
        yield from found
        if cursor is None:
            return
