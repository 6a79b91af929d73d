"""Wire AWS clients."""

import boto3
from botocore.config import Config

from codat_sync.aws.dynamodb import Table
from codat_sync.aws.invocation_deadline import enforce_deadline
from codat_sync.core.clock import utc_now
from codat_sync.idempotency.repository import IdempotencyRepository
from codat_sync.idempotency.requests import IdempotentRequests


def client_config(*, connect_timeout: float = 2, read_timeout: float = 5, max_attempts: int = 3) -> Config:
    """Return a client's time-outs in seconds, the number of attempts per call, and connections for all threads."""
    return Config(
        connect_timeout=connect_timeout,
        read_timeout=read_timeout,
        retries={"mode": "standard", "total_max_attempts": max_attempts},
        max_pool_connections=32,
    )


def connect_table(name: str, config: Config) -> Table:
    """Return the table, which makes no request after the end of the invocation (see ``limit_invocation``)."""
    return Table(enforce_deadline(boto3.client("dynamodb", config=config)), name)


def build_idempotent_requests(table: Table) -> IdempotentRequests:
    """Return what executes the API's requests with an Idempotency-Key."""
    return IdempotentRequests(IdempotencyRepository(table), utc_now)
