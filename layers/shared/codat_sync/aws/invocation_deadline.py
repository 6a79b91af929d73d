"""Enforce the deadline of a function's invocation: what is unfinished by then is never done later.

Lambda freezes a process between two invocations, including all threads, and resumes them with the next invocation,
however much later that is. A thread that was not awaited would then write stale data. So each request to DynamoDB,
including each attempt of the SDK's, is made within its own invocation or not at all.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from codat_sync.core.errors import InvocationDeadlineError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# In seconds since the epoch: a monotonic clock may stop while the process is frozen.
_ends_at: ContextVar[float] = ContextVar("ends_at", default=math.inf)


@contextmanager
def limit_invocation(seconds: float) -> Iterator[None]:
    """Limit the block, including threads that copy its context, to so many seconds from now."""
    token = _ends_at.set(time.time() + seconds)
    try:
        yield
    finally:
        _ends_at.reset(token)


def enforce_deadline(client: "DynamoDBClient") -> "DynamoDBClient":
    """Make ``client`` raise InvocationDeadlineError for requests past its deadline; returns ``client``."""
    client.meta.events.register("request-created.dynamodb", _refuse_after_deadline)
    return client


def _refuse_after_deadline(**_: object) -> None:
    if time.time() >= _ends_at.get():
        raise InvocationDeadlineError("its run is over")
