"""Wire calls to Codat."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import boto3
from aws_lambda_powertools.metrics import MetricUnit

from codat_sync.aws.observability import count, metrics
from codat_sync.aws.secrets import CachedSecret
from codat_sync.codat.client import parse_api_key
from codat_sync.codat.http import CodatHttpClient
from codat_sync.core.clock import utc_now

if TYPE_CHECKING:
    import httpx
    from botocore.config import Config

    from codat_sync.rate_limits.gate import SharedGate
    from codat_sync.rate_limits.limiter import RateLimiter


def connect_api_key(secret_arn: str, config: "Config") -> CachedSecret[str]:
    """Return Codat's API key, which is read from Secrets Manager at the first call."""
    return CachedSecret(boto3.client("secretsmanager", config=config), secret_arn, parse_api_key)


def connect_codat(
    http: "httpx.Client", api_key: CachedSecret[str], limiter: "RateLimiter", gate: "SharedGate"
) -> CodatHttpClient:
    """Return a client of Codat, which ``http`` has as its base URL."""
    return CodatHttpClient(http, api_key.value, limiter, gate, utc_now)


@contextmanager
def limit_codat_calls(
    connection: CodatHttpClient, seconds: float, quota_gate: "SharedGate | None" = None
) -> Iterator[None]:
    """Let calls to Codat begin within the next ``seconds``; at the end count them by HTTP status, after errors too.

    If there were any, also report the quota that ``quota_gate`` knows.
    """
    connection.deadline = time.monotonic() + seconds
    try:
        yield
    finally:
        calls = connection.take_status_counts()
        for status, number in calls.items():
            count("CodatCalls", "status", status, number)
        if calls and quota_gate and (quota := quota_gate.last_known.quota):
            metrics.add_metric("QuotaRemaining", MetricUnit.Count, quota.remaining)
            metrics.add_metric("QuotaPercentRemaining", MetricUnit.Percent, quota.percent_remaining)
