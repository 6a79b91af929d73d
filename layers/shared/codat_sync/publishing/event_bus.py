"""Publish events to the event bus, at least once."""

from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import tenacity
from botocore.exceptions import BotoCoreError, ClientError

from codat_sync.core.errors import EventBusUnavailableError
from codat_sync.core.iterables import batched
from codat_sync.publishing.events import DomainEvent

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef

SOURCE: Final = "codat-sync"
# https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html. Its other limit, of
# a request's size (1 MB, 256 KB before 2026), is never reached: events name a bounded number of ids.
_AT_ONCE = 10
_REQUESTS_AT_ONCE = 8
_RETRY: dict[str, Any] = {
    "retry": tenacity.retry_if_exception_type(EventBusUnavailableError),
    "wait": tenacity.wait_random_exponential(multiplier=0.1, max=5),
    "stop": tenacity.stop_after_attempt(6),
    "reraise": True,
}


class EventBus:
    """Client of the stack's event bus. Safe to share between threads."""

    def __init__(self, client: "EventBridgeClient", name: str) -> None:
        self._client = client
        self._name = name
        self._pool = ThreadPoolExecutor(_REQUESTS_AT_ONCE, thread_name_prefix="put")

    def put(self, events: Iterable[DomainEvent]) -> Counter[str]:
        """Put ``events`` on the bus, in up to 8 parallel requests of 10 events each; return the counts by event type.

        The iterable is consumed lazily, so that only a few events are in memory. Raises EventBusUnavailableError.
        """
        counts: Counter[str] = Counter()
        for group in batched(batched(events, _AT_ONCE), _REQUESTS_AT_ONCE):
            for some in self._pool.map(self._put_some, group):
                counts.update(type(event).__name__ for event in some)
        return counts

    def _put_some(self, events: Sequence[DomainEvent]) -> Sequence[DomainEvent]:
        pending = [self._entry(event) for event in events]
        for attempt in tenacity.Retrying(**_RETRY):
            with attempt:
                pending = self._put_and_return_rejected(pending)
                if pending:
                    raise EventBusUnavailableError(f"the event bus rejected {len(pending)} events")
        return events

    def _put_and_return_rejected(
        self, entries: "list[PutEventsRequestEntryTypeDef]"
    ) -> "list[PutEventsRequestEntryTypeDef]":
        """Put ``entries``, and return those that were rejected: each is accepted or rejected on its own."""
        try:
            answer = self._client.put_events(Entries=entries)
        except (ClientError, BotoCoreError) as error:
            raise EventBusUnavailableError(f"the event bus is unavailable: {error}") from error
        return [entry for entry, result in zip(entries, answer["Entries"], strict=True) if "ErrorCode" in result]

    def _entry(self, event: DomainEvent) -> "PutEventsRequestEntryTypeDef":
        return {
            "EventBusName": self._name,
            "Source": SOURCE,
            "DetailType": type(event).__name__,
            "Detail": event.model_dump_json(by_alias=True),
        }
