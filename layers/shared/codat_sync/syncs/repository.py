"""Syncs as SyncTable holds them: documents, parts, events, and who is pointed to by whom.

A sync's document is replaced as a whole, on condition that its version has not moved. Its items stand in it or, if they
are too many, in parts that it points to. A transaction's partition points to the syncs that it was in.
"""

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from types import MappingProxyType
from typing import Any

from codat_sync.aws.dynamodb import Table, Values
from codat_sync.aws.table_schema import (
    COMPANY,
    EVENT_PREFIX,
    POINTER_PREFIX,
    SYNC,
    company_key,
    due_keys,
    listing_keys,
    part_key,
    part_keys,
    pointer_key,
    run_key,
    sync_key,
)
from codat_sync.companies.tombstones import is_forgotten
from codat_sync.core.errors import ConditionFailedError, UnprocessedError, VersionMovedError
from codat_sync.core.identifiers import is_identifier
from codat_sync.core.iterables import chunks
from codat_sync.core.timestamps import format_instant, parse_instant
from codat_sync.polling.poll_state import next_version, read_waiting
from codat_sync.polling.schedule import Waiting
from codat_sync.syncs.items import Item, addressable_ids
from codat_sync.syncs.record import (
    SCHEMA_VERSION,
    SyncDocument,
    is_answered,
    read_document,
    read_item,
    split,
    write_changes,
    write_document,
    write_item,
)
from codat_sync.syncs.retry_repository import due_retry
from codat_sync.syncs.status_codes import Outcome
from codat_sync.syncs.sync import Sync, SyncStatus
from codat_sync.webhooks.events import WebhookEvent
from codat_sync.webhooks.processed_events import SeenEvents

# A part that no document points to any more stays for readers that still hold the document of before.
PART_GRACE = timedelta(days=1)
# How often a reader whose parts were replaced under it starts over.
_MOST_READS = 5
# How many parts are in memory while all of them are read.
_PARTS_AT_ONCE = 8


@dataclass(frozen=True)
class Head:
    """What is known of a sync before Codat is asked: its document as read, which events were seen, and its company.

    If that ``is_forgotten``, nothing of it may be written.
    """

    company_id: str
    sync_id: str
    values: Values
    seen: frozenset[str]
    company_fetched_at: datetime | None
    is_forgotten: bool

    @property
    def version(self) -> int | None:
        """The version of its document, None if there is none."""
        return int(self.values["version"]) if self.values else None

    @property
    def digest(self) -> str | None:
        """The fingerprint of what Codat said last, None if it was not asked yet."""
        return self.values.get("digest")

    @cached_property
    def waiting(self) -> Waiting | None:
        """How it waits, None if it does not."""
        return read_waiting(self.values)


@dataclass(frozen=True, slots=True)
class Page:
    """Some of a sync's items. ``next_cursor`` leads to those after them, None if there are none."""

    items: tuple[Item, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class SubmittedSync:
    """A sync that Codat made of a submission, before Codat is asked about it.

    ``retry_of`` is the sync whose failed transactions it resubmits, None if it is the first submission of them.
    """

    company_id: str
    sync_id: str
    transaction_ids: tuple[str, ...]
    retry_of: str | None


class Store:
    """The syncs of SyncTable. Safe to share between threads."""

    def __init__(self, table: Table, *, event_retention: timedelta) -> None:
        self.table = table
        self._events = SeenEvents(table, event_retention)

    # ------------------------------------------------------------ what the worker does, in this order

    def load_head(self, company_id: str, sync_id: str, webhook_ids: Iterable[str]) -> Head:
        """Return the sync's head, read consistently, with those of ``webhook_ids`` (no two alike) that were seen."""
        found, seen = self._events.load_with(sync_key(sync_id), webhook_ids, [company_key(company_id)])
        return Head(
            company_id=company_id,
            sync_id=sync_id,
            values=found.get(SYNC, {}),
            seen=seen,
            company_fetched_at=parse_instant(found.get(COMPANY, {}).get("fetchedAt")),
            is_forgotten=is_forgotten(found.get(COMPANY, {})),
        )

    def put_pointers(self, sync: Sync, head: Head, now: datetime) -> None:
        """Point from each of the sync's transactions to it, those apart that its last document had already."""
        company_id, sync_id = sync.status.company_id, sync.status.sync_id
        known = {values.get("transactionId") for values in self._items(head.values)}
        self._put_pointers(company_id, sync_id, sorted(addressable_ids(sync.items) - known), now)

    def commit_sync(self, sync: Sync, waiting: Waiting | None, head: Head, now: datetime) -> None:
        """Replace the sync's document. Raises VersionMovedError if it is no longer the one that ``head`` holds."""
        values = write_document(sync, waiting, head.values, now)
        values |= sync_key(sync.status.sync_id)
        values |= listing_keys(sync.status.company_id, sync.status.sync_id, values["syncUtc"] or values["firstSeenAt"])
        lists = split(sync.items)
        if len(lists) == 1:
            values["items"] = [write_item(item) for item in lists[0]]
        else:
            values["parts"] = self._put_parts(sync.status, lists, now)
        if parts := head.values.get("parts"):
            # Before the commit: if that is the last thing that happens, the parts are looked after all the same.
            self._put_run(sync.status, parts, now)
        self._put_document(values, head, self._retries(sync, head, now))

    def _retries(self, sync: Sync, head: Head, now: datetime) -> list[tuple[Values, Values]]:
        """Return what makes the retry of a sync due that has failed, or of the one that this one is a retry of."""
        root = head.values.get("retryOf")
        if not sync.is_final or not (root or sync.outcome is Outcome.FAILED):
            return []
        return [due_retry(sync.status.company_id, root or sync.status.sync_id, now)]

    def set_waiting(self, waiting: Waiting | None, head: Head, now: datetime) -> None:
        """Say how the sync waits, or that it does not any more, and count that as a version. Raises VersionMovedError.

        A commit of what was asked before does not go through then: whatever tells us to look now is not forgotten.
        """
        self._update_document(waiting, head, now, version=next_version(head.values))

    def park(self, waiting: Waiting, head: Head, now: datetime) -> None:
        """Note why the sync is not looked at by itself any more; a check of this version stays good.

        Raises VersionMovedError.
        """
        self._update_document(waiting, head, now, version=head.version or 1)

    def put_events(self, head: Head, events: Sequence[WebhookEvent], now: datetime) -> None:
        """Remember ``events`` about the sync as seen."""
        self._events.put(sync_key(head.sync_id), events, now)

    def put_unchanged_events(self, head: Head, events: Sequence[WebhookEvent], now: datetime) -> None:
        """Remember ``events`` as seen, to which Codat answered what the document of ``head`` holds.

        That moves no version. So two things keep an answer from before them from coming after: who commits looks for
        such events (``is_doubtful``), and here the version is read again, after they are there to be found. Raises
        VersionMovedError.
        """
        self._events.put(sync_key(head.sync_id), events, now, unchanged_at=head.version)
        if self.table.get_attribute(sync_key(head.sync_id), "version") != head.version:
            raise VersionMovedError(f"the document of sync {head.sync_id} has moved on")

    def is_doubtful(self, sync_id: str, version: int) -> bool:
        """Return whether what replaced the document's ``version`` may be older than an event that was seen."""
        return self._events.has_unchanged_at(sync_key(sync_id), version)

    # ------------------------------------------------------------ what submit does

    def announce(self, submitted: SubmittedSync, waiting: Waiting, now: datetime) -> None:
        """Record a sync that Codat made of a submission.

        If an event was quicker, its record gains what was submitted. Raises VersionMovedError after too many
        lost races.
        """
        company_id, sync_id = submitted.company_id, submitted.sync_id
        self._put_pointers(company_id, sync_id, submitted.transaction_ids, now)
        origin = {"submittedIds": list(submitted.transaction_ids), "retryOf": submitted.retry_of}
        for _ in range(_MOST_READS):
            head = self.load_head(company_id, sync_id, [])
            try:
                if head.version is None:
                    announced = {"announcedAs": Outcome.SUBMITTED.value, **origin}
                    self._update_document(waiting, head, now, version=1, announced=announced)
                else:
                    self._update_document(head.waiting, head, now, version=head.version + 1, announced=origin)
            except VersionMovedError:
                continue
            return
        raise VersionMovedError(f"the document of sync {sync_id} moves on each time that it is read")

    # ------------------------------------------------------------ what readers ask

    def load_sync(self, sync_id: str) -> SyncDocument | None:
        """Return the sync's document with all its items, or None if there is none. Never half of one."""
        for _ in range(_MOST_READS):
            values = self._load_document(sync_id)
            if values is None:
                return None
            items = list(self._items(values))
            if len(items) == sum(map(int, values.get("counts", {}).values())):
                return read_document(values, items)
        raise UnprocessedError(f"the document of sync {sync_id} was replaced each time that it was read")

    def load_page(self, sync_id: str, cursor: str | None = None) -> Page | None:
        """Return the sync's document with one page of its items, the first one or that of a page's ``next_cursor``.

        A part is a page. All pages that one cursor leads to are of one document, whatever comes after it, for a day;
        then, or if there is no such sync, None is returned.
        """
        if cursor is None:
            values = self._load_document(sync_id)
            if values is None:
                return None
            if "parts" not in values:
                return Page(tuple(map(read_item, values.get("items", ()))), None)
            run, count, number = values["parts"]["run"], int(values["parts"]["count"]), 0
        else:
            run, count, number = _read_cursor(cursor)
        found = self.table.get([part_key(sync_id, run, number)])
        if not found:
            return None
        is_last = number + 1 >= count
        return Page(tuple(map(read_item, found[0]["items"])), None if is_last else f"{run}.{count}.{number + 1}")

    def load_seen_events(self, sync_id: str) -> list[str]:
        """Return the ids of the webhooks that were seen for the sync, for as long as those are remembered."""
        items = self.table.query(sync_key(sync_id)["pk"], EVENT_PREFIX)
        return [item["sk"].removeprefix(EVENT_PREFIX) for item in items]

    def load_syncs_before(self, company_id: str, transaction_ids: Iterable[str], at: datetime) -> set[str]:
        """Return the ids of the syncs of which we knew before ``at`` that one of the transactions was in them."""
        items = (
            item
            for transaction_id in transaction_ids
            for item in self.table.query(pointer_key(company_id, transaction_id, "")["pk"], POINTER_PREFIX)
        )
        return {item["sk"].removeprefix(POINTER_PREFIX) for item in items if item["firstSeenAt"] < format_instant(at)}

    def load_syncs_of_transaction(self, company_id: str, transaction_id: str) -> list[str]:
        """Return the ids of all syncs that the transaction was in."""
        items = self.table.query(pointer_key(company_id, transaction_id, "")["pk"], POINTER_PREFIX)
        return [item["sk"].removeprefix(POINTER_PREFIX) for item in items]

    def _put_pointers(self, company_id: str, sync_id: str, transaction_ids: Iterable[str], now: datetime) -> None:
        self.table.put_all(
            pointer_key(company_id, transaction_id, sync_id) | {"v": SCHEMA_VERSION, "firstSeenAt": format_instant(now)}
            for transaction_id in transaction_ids
        )

    # ------------------------------------------------------------ parts

    def sweep_run(self, sync_id: str, run: str, now: datetime) -> bool:
        """Delete the parts of a run if no document points to them; returns whether it did.

        A run is swept a day after it began or was replaced: who reads a document has its parts for so long. One whose
        day has only just begun is left alone: the document that points to it is being replaced.
        """
        key = run_key(sync_id, run)
        found = {item["sk"]: item for item in self.table.get([key, sync_key(sync_id)])}
        written = found.get(key["sk"], {})
        due_at = parse_instant(written.get("dueAt"))
        if due_at is None or due_at - now > PART_GRACE / 2:
            return False
        if _run_of(found.get(SYNC, {})) == run:
            self._keep_run(key, written["dueAt"])
            return False
        self.table.delete_all(part_keys(sync_id, run, int(written["count"])))
        self.table.delete_all([key])
        return True

    def _keep_run(self, key: Values, due_at: str) -> None:
        """End the watch over a run that is pointed to; if it is being replaced just now, the watch begins anew."""
        try:
            self.table.update(key, due_keys(None), {"dueAt": due_at})
        except ConditionFailedError:
            return

    def _put_parts(self, status: SyncStatus, lists: Sequence[Sequence[Item]], now: datetime) -> Values:
        # A random run id: two workers at once, or one and its own second try, never share a part.
        run = uuid.uuid4().hex
        parts = {"run": run, "count": len(lists)}
        self._put_run(status, parts, now)
        keys = part_keys(status.sync_id, run, len(lists))
        self.table.put_all(
            (
                key | {"v": SCHEMA_VERSION, "items": [write_item(item) for item in items]}
                for key, items in zip(keys, lists, strict=True)
            ),
            large=True,
        )
        return parts

    def _put_run(self, status: SyncStatus, parts: Values, now: datetime) -> None:
        """Have the parts of a run looked after: written before them, so that no crash leaves any behind."""
        self.table.put_all(
            [
                run_key(status.sync_id, parts["run"])
                | {
                    "v": SCHEMA_VERSION,
                    "count": parts["count"],
                    "summary": {"companyId": status.company_id, "syncId": status.sync_id},
                }
                | due_keys(format_instant(now + PART_GRACE))
            ]
        )

    def load_items(self, document: Mapping[str, Any]) -> Iterator[Item]:
        """Yield the items of a document, also of one that was replaced: fewer than it has if its parts are gone.

        A few parts are in memory at a time.
        """
        return map(read_item, self._items(document))

    def _items(self, document: Mapping[str, Any]) -> Iterator[Values]:
        """Yield the items of a document, fewer than it has if its parts are gone."""
        if "parts" not in document:
            yield from document.get("items", ())
            return
        parts = document["parts"]
        keys = part_keys(document["syncId"], parts["run"], int(parts["count"]))
        for some in chunks(keys, _PARTS_AT_ONCE):
            for part in sorted(self.table.get(some), key=lambda part: str(part["sk"])):
                yield from part["items"]

    # ------------------------------------------------------------ the document

    def _load_document(self, sync_id: str) -> Values | None:
        return next(iter(self.table.get([sync_key(sync_id)])), None)

    def _put_document(self, values: Values, head: Head, retries: Sequence[tuple[Values, Values]]) -> None:
        try:
            if retries:
                self.table.transact([(values, {"version": head.version})], retries)
            else:
                self.table.put(values, {"version": head.version})
        except ConditionFailedError as error:
            raise VersionMovedError(f"the document of sync {values['syncId']} has moved on") from error

    def _update_document(
        self,
        waiting: Waiting | None,
        head: Head,
        now: datetime,
        *,
        version: int,
        announced: Mapping[str, object] = MappingProxyType({"announcedAs": Outcome.ANNOUNCED.value}),
    ) -> None:
        ids = {"companyId": head.company_id, "syncId": head.sync_id}
        previous = ids | head.values | {name: value for name, value in announced.items() if name not in head.values}
        changes = write_changes(waiting, previous, now, version=version)
        if not is_answered(head.values):
            changes |= listing_keys(head.company_id, head.sync_id, changes["firstSeenAt"])
        try:
            self.table.update(sync_key(head.sync_id), changes, {"version": head.version})
        except ConditionFailedError as error:
            raise VersionMovedError(f"the document of sync {head.sync_id} has moved on") from error


def _run_of(document: Values) -> str | None:
    parts = document.get("parts")
    return parts and parts["run"]


def _read_cursor(cursor: str) -> tuple[str, int, int]:
    """Return run, number of parts and the part of a cursor. Raises ValueError if it is none of ours."""
    run, count, number = cursor.split(".")
    if not (is_identifier(run) and count.isdecimal() and number.isdecimal()):
        raise ValueError("not a cursor")
    return run, int(count), int(number)
