"""Compare the published events with Codat."""

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dev.local_stack.bus_subscriber import Event, Subscriber
from dev.waiting import poll

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dev.codat_simulator.books.models import Sync

# Codes from here on denote finished syncs.
_ENDED = 2000
# The type of the example shown.
_EXAMPLE = "RetrySubmitted"


@dataclass(frozen=True)
class PublishedEvents:
    """The number of events by type, an example, and the number of finished syncs without a current event."""

    kinds: Counter[str]
    example: Event | None
    unpublished_syncs: int


def collect_events(subscriber: Subscriber, syncs: "Iterable[Sync]") -> PublishedEvents:
    """Return the published events once they cover all finished ``syncs``, or after a timeout."""
    ended = {sync.sync_id: sync.code for sync in syncs if sync.code >= _ENDED}
    poll(lambda: not _count_unpublished(subscriber, ended))
    unpublished_syncs = _count_unpublished(subscriber, ended)
    events = list(subscriber.events_by_id.values())
    example = next((event for event in events if event["detail-type"] == _EXAMPLE), None)
    return PublishedEvents(Counter(event["detail-type"] for event in events), example, unpublished_syncs)


def _count_unpublished(subscriber: Subscriber, ended: dict[str, int]) -> int:
    """Count the syncs whose latest event does not have Codat's current code."""
    latest_codes: dict[str, tuple[int, int]] = {}
    for event in subscriber.receive_events().values():
        detail = event["detail"]
        if "code" in detail:
            latest_codes[detail["syncId"]] = max(
                latest_codes.get(detail["syncId"], (0, 0)), (detail["version"], detail["code"])
            )
    return sum(latest_codes.get(sync_id, (0, 0))[1] != code for sync_id, code in ended.items())
