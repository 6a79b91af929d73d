"""The timeline of a sync: recorded and scheduled events, each with the source of its time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from codat_sync.queries.sync_details import SyncDetails
from codat_sync.queries.sync_query import ListedSync
from codat_sync.syncs.status_codes import status_code
from codat_sync.web.pages.components.wording import CHECK_ERRORS
from codat_sync.webhooks.processed_events import ProcessedEvent


class Source(StrEnum):
    """Whose clock a time comes from."""

    CODAT = "codat"
    OURS = "ours"


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened or is scheduled. ``ids`` are (name, id) pairs shown with it."""

    at: datetime
    source: Source
    what: str
    detail: str = ""
    ids: tuple[tuple[str, str], ...] = ()
    is_scheduled: bool = False


def timeline(details: SyncDetails, made: Sequence[ListedSync]) -> list[Moment]:
    """Return the moments of a sync: scheduled ones first, then past ones, newest first.

    ``made`` are the syncs created by retries of this one.
    """
    found = [*_of_sync(details), *_of_pending_check(details), *_of_retry(details, made)]
    for event in details.events:
        found += _of_event(event)
    return sorted(found, key=lambda moment: (moment.is_scheduled, moment.at), reverse=True)


def _of_sync(details: SyncDetails) -> Iterator[Moment]:
    listed, status = details.listed, details.status
    if listed.first_seen_at:
        yield Moment(listed.first_seen_at, Source.OURS, "First seen")
    if status and status.synced_at:
        meaning = f"{status.code}: {status_code(status.code).meaning}"
        yield Moment(status.synced_at, Source.CODAT, "Codat’s time (syncUtc)", meaning)
    if details.committed_at and status:
        what = f"Fetched from Codat: {status.code}, {listed.transactions} items, {listed.failed} failed"
        yield Moment(details.committed_at, Source.OURS, what, "Unchanged since.")


def _of_event(event: ProcessedEvent) -> Iterator[Moment]:
    ids = [("webhook-id", event.webhook_id)]
    if event.correlation_id:
        ids.append(("correlation id", event.correlation_id))
    name = event.event_type or "unknown event"
    if event.generated_at:
        yield Moment(event.generated_at, Source.CODAT, f"Event created by Codat: {name}")
    if event.received_at:
        yield Moment(event.received_at, Source.OURS, f"Webhook received: {name}", ids=tuple(ids))
    if event.processed_at:
        yield Moment(event.processed_at, Source.OURS, "Event processed", ids=tuple(ids[:1]))


def _of_pending_check(details: SyncDetails) -> Iterator[Moment]:
    pending_check = details.pending_check
    if not pending_check:
        return
    ids = [("correlation id", pending_check.correlation_id)]
    if pending_check.codat_correlation_id:
        ids.append(("Codat’s correlation id", pending_check.codat_correlation_id))
    failure = pending_check.check_failure
    why = f"Last check failed. {CHECK_ERRORS.get(failure, failure)}" if failure else "The sync has not ended."
    yield Moment(pending_check.since, Source.OURS, "Polling started", why, tuple(ids))
    if pending_check.due_at:
        yield Moment(
            pending_check.due_at,
            Source.OURS,
            f"Next check with Codat (check {pending_check.attempts + 1})",
            is_scheduled=True,
        )


def _of_retry(details: SyncDetails, made: Sequence[ListedSync]) -> Iterator[Moment]:
    for sync in made:
        if sync.first_seen_at:
            ids = (("sync id", sync.sync_id),)
            yield Moment(sync.first_seen_at, Source.OURS, "Failed items resubmitted", ids=ids)
    if details.retry and details.retry.due_at:
        yield Moment(details.retry.due_at, Source.OURS, "Retry check of failed items", is_scheduled=True)
