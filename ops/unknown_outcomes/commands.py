"""List the submissions with an unknown outcome, and record what the accounting software shows."""

from collections.abc import Iterator

from botocore.exceptions import BotoCoreError, ClientError

from codat_sync.aws.dynamodb import Table
from codat_sync.bootstrap.submissions import build_resolution_service
from codat_sync.core.errors import CodatSyncError
from codat_sync.core.timestamps import format_timestamp
from codat_sync.submissions.repository import SubmissionRepository, UnknownOutcome
from codat_sync.submissions.resolution import ResolutionCommand
from ops.deployment import Deployment
from ops.errors import CommandError

_AT_ONCE = 100


def list_outcomes(stack: str | None) -> None:
    """Print every submission with an unknown outcome: its id, when it was sent, its company and its transactions."""
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


def print_outcomes(table: Table) -> None:
    """Print the list of a table."""
    for each in _all_outcomes(SubmissionRepository(table)):
        print(each.submission_id, format_timestamp(each.since), f"company {each.company_id}")
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


def _all_outcomes(submissions: SubmissionRepository) -> Iterator[UnknownOutcome]:
    cursor: str | None = None
    while True:
        found, cursor = submissions.load_unknown(cursor, _AT_ONCE)
        yield from found
        if cursor is None:
            return
