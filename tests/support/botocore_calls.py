"""Intercept the calls that botocore's clients make to AWS."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.endpoint import Endpoint
from botocore.exceptions import ReadTimeoutError

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


@contextmanager
def lose_responses(is_lost: Callable[[str, int], bool]) -> Iterator[Counter[str]]:
    """Apply requests to AWS whose responses are then lost: botocore repeats them, as it does after a time-out.

    ``is_lost`` gets the operation's name and the number of its requests before this one, repetitions included. Yields
    the number of requests by operation.
    """
    requests: Counter[str] = Counter()
    send = Endpoint._do_get_response  # type: ignore[attr-defined] # noqa: SLF001 - every attempt goes through it

    def sent(endpoint: Endpoint, request: Any, operation: Any, context: Any) -> Any:  # noqa: ANN401 - botocore's own
        number, requests[operation.name] = requests[operation.name], requests[operation.name] + 1
        response = send(endpoint, request, operation, context)
        if is_lost(operation.name, number):
            return None, ReadTimeoutError(endpoint_url=request.url)
        return response

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Endpoint, "_do_get_response", sent)
        patch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))  # before a repetition
        yield requests
