"""What happened to a sync, in the order of time. Every moment is one that somebody noted, and it is said who."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from codat_sync.queries.sync_details import SyncDetails
from codat_sync.queries.sync_query import ListedSync
from codat_sync.syncs.status_codes import status_code
from codat_sync.webhooks.processed_events import ProcessedEvent


class Source(StrEnum):
    """Whose time it is."""

    CODAT = "CodatClient"
    OURS = "ours"


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened, or is going to. ``ids`` are names and ids that go with it."""

    at: datetime
    source: Source
    what: str
    detail: str = ""
    ids: tuple[tuple[str, str], ...] = ()
    is_to_come: bool = False


def timeline(details: SyncDetails, made: Sequence[ListedSync]) -> list[Moment]:
    """Return what is known to have happened to a sync, newest first; what is to come stands before it.

    ``made`` are the syncs that retries of it have made.
    """
    found = [*_of_sync(details), *_of_waiting(details), *_of_retry(details, made)]
    for event in details.events:
        found += _of_event(event)
    return sorted(found, key=lambda moment: (moment.is_to_come, moment.at), reverse=True)


def _of_sync(details: SyncDetails) -> Iterator[Moment]:
    listed, status = details.listed, details.status
    if listed.first_seen_at:
        yield Moment(listed.first_seen_at, Source.OURS, "First heard of")
    if status and status.synced_at:
        meaning = f"{status.code}: {status_code(status.code).meaning}"
        yield Moment(status.synced_at, Source.CODAT, "Codat’s time of the sync (syncUtc)", meaning)
    if details.committed_at and status:
        what = f"Fetched from Codat: {status.code}, {listed.transactions} items, {listed.failed} failed"
        yield Moment(details.committed_at, Source.OURS, what, "Codat has said nothing else since.")


def _of_event(event: ProcessedEvent) -> Iterator[Moment]:
    ids = [("webhook-id", event.webhook_id)]
    if event.correlation_id:
        ids.append(("correlation id", event.correlation_id))
    name = event.event_type or "An event"
    if event.generated_at:
        yield Moment(event.generated_at, Source.CODAT, f"Codat made the event {name}")
    if event.received_at:
        yield Moment(event.received_at, Source.OURS, f"Webhook received: {name}", ids=tuple(ids))
    if event.processed_at:
        yield Moment(event.processed_at, Source.OURS, "What it told of was in the table", ids=tuple(ids[:1]))


def _of_waiting(details: SyncDetails) -> Iterator[Moment]:
    pending_check = details.pending_check
    if not pending_check:
        return
    ids = [("correlation id", pending_check.correlation_id)]
    if pending_check.codat_correlation_id:
        ids.append(("Codat’s correlation id", pending_check.codat_correlation_id))
    why = (
        f"The last look came to nothing: {pending_check.check_failure}."
        if pending_check.check_failure
        else "It has not come to its end."
    )
    yield Moment(pending_check.since, Source.OURS, "Waited for since", why, tuple(ids))
    if pending_check.due_at:
        yield Moment(
            pending_check.due_at,
            Source.OURS,
            f"Codat is asked again (look {pending_check.attempts + 1})",
            is_to_come=True,
        )


def _of_retry(details: SyncDetails, made: Sequence[ListedSync]) -> Iterator[Moment]:
    for sync in made:
        if sync.first_seen_at:
            ids = (("sync id", sync.sync_id),)
            yield Moment(sync.first_seen_at, Source.OURS, "Failed items were created again", ids=ids)
    if details.retry and details.retry.due_at:
        yield Moment(details.retry.due_at, Source.OURS, "Failed items are planned again", is_to_come=True)
