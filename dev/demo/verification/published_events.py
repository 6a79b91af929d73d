"""What a subscriber of the event bus was told, against what Codat says."""

import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dev.local_stack.bus_subscriber import Event, Subscriber

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dev.codat_simulator.books.models import Sync

# Codat's codes from here on are of syncs that have ended.
_ENDED = 2000
_PATIENCE_SECONDS = 30
_POLL_SECONDS = 0.2
# What is shown, as it came.
_EXAMPLE = "RetrySubmitted"


@dataclass(frozen=True)
class Heard:
    """How many facts of each kind were told, one of them, and how many syncs have ended without being told of."""

    kinds: Counter[str]
    example: Event | None
    untold: int


def hear(subscriber: Subscriber, syncs: "Iterable[Sync]") -> Heard:
    """Return what was told, as soon as it tells of all ``syncs`` that have ended, or when patience ends."""
    ended = {sync.sync_id: sync.code for sync in syncs if sync.code >= _ENDED}
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while (untold := _untold(subscriber, ended)) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    events = list(subscriber.heard.values())
    example = next((event for event in events if event["detail-type"] == _EXAMPLE), None)
    return Heard(Counter(event["detail-type"] for event in events), example, untold)


def _untold(subscriber: Subscriber, ended: dict[str, int]) -> int:
    """Return of how many syncs the newest fact does not tell the code that Codat has for it."""
    told: dict[str, tuple[int, int]] = {}
    for event in subscriber.listen().values():
        detail = event["detail"]
        if "code" in detail:
            told[detail["syncId"]] = max(told.get(detail["syncId"], (0, 0)), (detail["version"], detail["code"]))
    return sum(told.get(sync_id, (0, 0))[1] != code for sync_id, code in ended.items())
