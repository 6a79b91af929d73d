"""Intercept the calls that botocore's clients make to AWS."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.client import BaseClient

# Gets the operation's name, its parameters and what makes the call; returns the response.
Interceptor = Callable[[str, Any, Callable[[], Any]], Any]


def intercept_calls(patch: pytest.MonkeyPatch, interceptor: Interceptor) -> None:
    """Route every call of every client through ``interceptor`` until ``patch`` is undone."""
    make_call = BaseClient._make_api_call  # type: ignore[attr-defined] # noqa: SLF001 - the one method all calls go through

    def intercepted(client: BaseClient, operation: str, parameters: Any) -> Any:  # noqa: ANN401 - botocore's own
        return interceptor(operation, parameters, lambda: make_call(client, operation, parameters))

    patch.setattr(BaseClient, "_make_api_call", intercepted)


@contextmanager
def count_requests() -> Iterator[Counter[str]]:
    """Count the requests to AWS in the block, by operation and, where one is read, index."""
    requests: Counter[str] = Counter()

    def count(operation: str, parameters: Any, proceed: Callable[[], Any]) -> Any:  # noqa: ANN401 - botocore's own
        requests[" ".join(filter(None, (operation, parameters.get("IndexName"))))] += 1
        return proceed()

    with pytest.MonkeyPatch.context() as patch:
        intercept_calls(patch, count)
        yield requests
