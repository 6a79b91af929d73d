"""The application's boundaries, steppable: a DynamoDB client and HTTP requests to simulated Codat."""

from collections.abc import Callable, Collection, Iterator
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import httpx

from codat_sync.aws.table_schema import COMPANY, GATE
from tests.support.clock import ManualClock
from tests.support.stepping import Call, Fate, outside

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# Requests and responses of boto3, whose shape AWS defines.
Json = dict[str, Any]

CALL_DURATION = timedelta(milliseconds=10)
# Sort keys of items that do not affect syncs: calls about them alone are not stepped.
IGNORED_SORT_KEYS = {GATE["sk"], COMPANY}


class SteppedDynamoDB:
    """A DynamoDB client whose every call is a step. Subclasses define what can befall a call."""

    def __init__(self, client: "DynamoDBClient", clock: ManualClock) -> None:
        self.client = client
        self._clock = clock

    def as_client(self) -> "DynamoDBClient":
        """Return it with the type that the code under test expects."""
        return cast("DynamoDBClient", self)

    def fates(self, name: str, arguments: Json) -> Collection[Fate]:
        """Return what can befall a call."""
        raise NotImplementedError

    def attempt(self, name: str, arguments: Json, fate: Fate) -> Any:  # noqa: ANN401 - any method of the client
        """Make a call that meets ``fate``."""
        del fate
        return getattr(self.client, name)(**arguments)

    def writes_document(self, name: str, arguments: Json) -> bool:
        """Return whether a call writes a sync's document."""
        del name, arguments
        return False

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return partial(self._call, name)

    def get_paginator(self, name: str) -> "_Paginator":
        return _Paginator(partial(self._call, name))

    def _call(self, name: str, **arguments: Any) -> Any:  # noqa: ANN401 - any method of the client
        def attempt(fate: Fate) -> Any:  # noqa: ANN401 - the same
            self._clock.pass_by(CALL_DURATION)
            return self.attempt(name, arguments, fate)

        keys = sort_keys(arguments)
        if keys and keys <= IGNORED_SORT_KEYS:
            return attempt(Fate.WELL)
        fates, writes_document = self.fates(name, arguments), self.writes_document(name, arguments)
        return outside(Call(name, attempt, fates, writes_document=writes_document))


class _Paginator:
    def __init__(self, ask: Callable[..., Json]) -> None:
        self._ask = ask

    def paginate(self, **arguments: object) -> Iterator[Json]:
        answer = self._ask(**arguments)
        assert "LastEvaluatedKey" not in answer
        yield answer


def sort_keys(arguments: Json) -> set[str]:
    """Return the sort keys of the items that a request is about; none for a query."""
    items = [arguments.get("Key") or arguments.get("Item")]
    for request in arguments.get("RequestItems", {}).values():
        items += request["Keys"] if "Keys" in request else map(_key_or_item, request)
    items += map(_key_or_item, arguments.get("TransactItems", ()))
    return {item["sk"]["S"] for item in items if item}


def _key_or_item(request: dict[str, Json]) -> Json:
    (operation,) = request.values()
    found: Json = operation.get("Key") or operation["Item"]
    return found


def stepped_http_client(handle: Callable[[httpx.Request], httpx.Response]) -> httpx.Client:
    """Return a client whose requests ``handle`` answers in process."""
    return httpx.Client(base_url="http://codat.test", transport=httpx.MockTransport(handle), trust_env=False)
