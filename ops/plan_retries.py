"""Plan the retries that have no category on the worklist yet: version 0.2.0 stored none."""

from botocore.exceptions import BotoCoreError, ClientError

from codat_sync.core.clock import utc_now
from codat_sync.syncs.retry_repository import RetryRepository
from ops.deployment import Deployment
from ops.errors import CommandError


def plan_retries(stack: str | None) -> None:
    """Make the retries without a category due, and print how many. The clock has them planned, 500 a minute."""
    deployment = Deployment.connect(stack)
    try:
        number = sum(RetryRepository(deployment.table).reschedule_uncategorized(utc_now()))
    except (BotoCoreError, ClientError) as error:
        raise CommandError(f"not finished: {error}\nRun the same command again to continue.") from error
    print(f"{number:,} retries of {deployment.description} will be planned within minutes.")
