"""The end of a run of a function: what it has left undone by then, it does not do later.

Lambda freezes a process between two runs, with all threads as they stand, and lets them go on with the next run,
however much later that is. A thread that was not waited for would write then what it read before. So each request to
DynamoDB, each try of the SDK's included, is made within the time of the run that it belongs to, or not at all.
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

# In seconds since the epoch: a clock that only counts may stand still while the process does.
_ends_at: ContextVar[float] = ContextVar("ends_at", default=math.inf)


@contextmanager
def limit_invocation(seconds: float) -> Iterator[None]:
    """Let what is done in the block, in threads that take its context too, be done for so many seconds from now."""
    token = _ends_at.set(time.time() + seconds)
    try:
        yield
    finally:
        _ends_at.reset(token)


def enforce_deadline(client: "DynamoDBClient") -> "DynamoDBClient":
    """Return ``client``, which from now on makes no request whose run is over: it raises InvocationDeadlineError."""
    client.meta.events.register("request-created.dynamodb", _refuse_after_deadline)
    return client


def _refuse_after_deadline(**_: object) -> None:
    if time.time() >= _ends_at.get():
        raise InvocationDeadlineError("its run is over")
