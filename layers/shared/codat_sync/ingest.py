"""Taking a sync in: what a webhook announces is asked of Codat and kept."""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from codat_sync.errors import CodatAnswerError, PoisonError, VersionMovedError
from codat_sync.identifier import is_identifier
from codat_sync.instant import parse_instant
from codat_sync.sync import Sync, SyncEvent
from codat_sync.transaction import fold
from codat_sync.webhook import Concern, parse_body, read_webhook

if TYPE_CHECKING:
    from codat_sync.codat import Codat
    from codat_sync.message import Message
    from codat_sync.store import Store

# Each lost race means that another worker has committed: a handful in a row, and the queue had better space them out.
_MOST_RACES = 5


class Change(StrEnum):
    """What taking a sync in has changed."""

    COMMITTED = "committed"
    UNCHANGED = "unchanged"
    REPEATED = "repeated"  # only events that had been seen: Codat was not asked


@dataclass(frozen=True, slots=True)
class Announcement:
    """A sync that an event says to look at."""

    company_id: str
    sync_id: str
    event: SyncEvent


@dataclass(frozen=True, slots=True)
class Ingested:
    """What came of an announced sync. ``sync`` is None if Codat was not asked."""

    change: Change
    sync: Sync | None


def interpret(message: "Message") -> Announcement | None:
    """Return what a message announces, or None if it is about nothing of ours.

    Raises PoisonError for what can't be understood (yet).
    """
    event = parse_body(_raw(message))
    if event is None:
        raise PoisonError("not-json", "the webhook's body is not a JSON object")
    webhook = read_webhook(event)
    if webhook is None:
        raise PoisonError("no-event-type", "the webhook does not say what type of event it is")
    if webhook.concern is Concern.NOT_OURS:
        return None
    if webhook.concern is Concern.UNKNOWN:
        raise PoisonError("unknown-event-type", f"no version of this application knows {webhook.event_type}")
    return Announcement(
        company_id=_checked(webhook.company_id, "company-id"),
        sync_id=_checked(webhook.sync_id, "sync-id"),
        event=SyncEvent(
            webhook_id=_checked(message["webhookId"], "webhook-id"),
            event_type=webhook.event_type,
            generated_at=webhook.generated_at,
            received_at=parse_instant(message["receivedAt"]),
            correlation_id=message["correlationId"],
        ),
    )


def ingest(
    announcements: Sequence[Announcement], codat: "Codat", store: "Store", now: Callable[[], datetime]
) -> Ingested:
    """Ask Codat about the one sync that all ``announcements`` are about, and keep the answer.

    The document's version is read before Codat is asked and must not have moved when the answer is committed: so every
    committed answer is younger than the one before it. Raises PoisonError, CodatError, VersionMovedError after too many
    lost races, and what DynamoDB raises.
    """
    events = {announcement.event.webhook_id: announcement.event for announcement in announcements}
    for _ in range(_MOST_RACES):
        try:
            return _ingest_once(announcements[0], list(events.values()), codat, store, now)
        except VersionMovedError as error:
            lost = error
    raise lost


def _ingest_once(
    announced: Announcement,
    events: Sequence[SyncEvent],
    codat: "Codat",
    store: "Store",
    now: Callable[[], datetime],
) -> Ingested:
    head = store.load_head(announced.sync_id, [event.webhook_id for event in events])
    news = [event for event in events if event.webhook_id not in head.seen]
    if not news:
        return Ingested(Change.REPEATED, None)
    sync = _fetch(announced, codat)
    changed = sync.digest != head.digest
    if changed:
        # Pointers first: whoever sees the document finds it from each of its transactions.
        store.put_pointers(sync, head, now())
        store.commit_sync(sync, head, now())
    # Events last: an event that is marked as seen never has to be looked at again.
    store.put_events(announced.sync_id, news, now())
    return Ingested(Change.COMMITTED if changed else Change.UNCHANGED, sync)


def _fetch(announced: Announcement, codat: "Codat") -> Sync:
    """Return the sync as Codat has it: its status first, so that a final one is never paired with items from before."""
    try:
        status = codat.sync_status(announced.company_id, announced.sync_id)
        return Sync(status, fold(codat.transactions(announced.company_id, announced.sync_id)))
    except CodatAnswerError as error:
        raise PoisonError("malformed-answer", str(error)) from error


def _raw(message: "Message") -> bytes:
    try:
        return base64.b64decode(message["raw"], validate=True)
    except binascii.Error as error:
        raise PoisonError("not-a-message", f"raw: {error}") from error


def _checked(value: object, name: str) -> str:
    if value is None:
        raise PoisonError(f"no-{name}", f"the event has no {name}")
    if not is_identifier(value):
        raise PoisonError(f"malformed-{name}", f"the event's {name} is not an id")
    return value
