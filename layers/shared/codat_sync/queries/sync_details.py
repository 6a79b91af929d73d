"""Load the details of a sync: its record, events, retry and company."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

from codat_sync.aws.dynamodb import Attributes, Table
from codat_sync.aws.table_schema import RETRY, SYNC, part_key, retry_key, sync_key
from codat_sync.companies.company import Company
from codat_sync.companies.repository import CompanyRepository
from codat_sync.core.iterables import batched
from codat_sync.core.timestamps import parse_timestamp
from codat_sync.polling.pending_check import read_pending_check
from codat_sync.polling.schedule import PendingCheck
from codat_sync.queries.sync_index import UNWRITTEN, parse_listed_sync
from codat_sync.queries.sync_query import ListedSync
from codat_sync.syncs.failure_causes import CauseSummary, read_causes, summarize_causes
from codat_sync.syncs.items import Item
from codat_sync.syncs.record import is_fetched, read_item, read_status
from codat_sync.syncs.retry_record import Retry
from codat_sync.syncs.retry_repository import read_retry
from codat_sync.syncs.status_codes import Outcome
from codat_sync.syncs.sync import SyncStatus
from codat_sync.syncs.work_category import categorize
from codat_sync.webhooks.processed_events import MAX_EVENTS, ProcessedEvent, ProcessedEventRepository

# Number of records, of up to 400 KB each, in memory at once.
_DOCUMENTS_AT_ONCE = 20
# Number of parts, of up to 350 KB each, read to find the causes of failed syncs.
MAX_PARTS = 100
# Number of different messages of a failed sync that are repeated in an export.
_MESSAGES = 5


@dataclass(frozen=True, slots=True)
class SyncDetails:
    """Everything known about a sync except its items. ``status`` is None until it was fetched from Codat.

    ``counts`` is the number of items by status. ``retry`` is the retry record of its failed transactions. ``events``
    are 500 at most; ``has_more_events`` says whether there are more.
    """

    listed: ListedSync
    status: SyncStatus | None
    counts: Mapping[str, int]
    version: int
    committed_at: datetime | None
    pending_check: PendingCheck | None
    submitted_ids: tuple[str, ...]
    retry_of: str | None
    retry: Retry | None
    events: Sequence[ProcessedEvent]
    company: Company | None
    has_more_events: bool


@dataclass(frozen=True, slots=True)
class FailedSync:
    """A failed sync with its own messages and the causes of its failed items.

    ``is_partial`` means that not all items were read. That can only be if the sync is stored in parts, by a version of
    this application that did not keep its causes.
    """

    listed: ListedSync
    status: SyncStatus | None
    causes: CauseSummary
    is_partial: bool = False

    @property
    def message(self) -> str | None:
        """Codat's messages: of the sync, then of its items, the most frequent first, with their counts."""
        status = self.status
        of_sync = dict.fromkeys([status.error_message, status.exception_message] if status else [])
        causes = [
            f"{each.message or each.text} ({each.failures:,} items)" if each.failures > 1 else each.message or each.text
            for each in self.causes.causes[:_MESSAGES]
        ]
        more = ["and others"] if len(self.causes.causes) > _MESSAGES or self.causes.other_failures else []
        return "; ".join([*filter(None, of_sync), *causes, *more]) or None


class SyncReader:
    """Read syncs from SyncTable, consistently."""

    def __init__(self, table: Table, companies: CompanyRepository) -> None:
        self._table = table
        self._companies = companies
        self._events = ProcessedEventRepository(table, timedelta())

    def load(self, sync_id: str) -> SyncDetails | None:
        """Load a sync's details; None if it is unknown. Takes three requests. Raises UnprocessedItemsError."""
        found = {item["sk"]: item for item in self._table.get([sync_key(sync_id), retry_key(sync_id)])}
        if SYNC not in found:
            return None
        values = found[SYNC]
        company = self._companies.load_snapshot(values["companyId"], []).company
        retry = read_retry(found[RETRY]) if RETRY in found else None
        events = self._events.load(sync_key(sync_id))
        return SyncDetails(
            listed=replace(_with_category(_listed(values), retry), company_name=company.name if company else None),
            status=read_status(values) if is_fetched(values) else None,
            counts={name: int(number) for name, number in values.get("counts", {}).items()},
            version=int(values["version"]),
            committed_at=parse_timestamp(values.get("committedAt")),
            pending_check=read_pending_check(values),
            submitted_ids=tuple(values.get("submittedIds", ())),
            retry_of=values.get("retryOf"),
            retry=retry,
            events=events[:MAX_EVENTS],
            company=company,
            has_more_events=len(events) > MAX_EVENTS,
        )

    def load_listed(self, sync_ids: Sequence[str]) -> list[ListedSync]:
        """Load the syncs that exist, as lists show them. Raises UnprocessedItemsError."""
        return [_listed(values) for values in self.load_records(sync_ids)]

    def add_messages(self, rows: Sequence[ListedSync]) -> list[ListedSync]:
        """Return ``rows``, the failed ones with Codat's messages. Raises UnprocessedItemsError."""
        failed = [row.sync_id for row in rows if row.outcome is Outcome.FAILED]
        messages = {each.listed.sync_id: each.message for each in self.load_failed(failed)}
        return [replace(row, message=messages.get(row.sync_id)) for row in rows]

    def load_failed(self, sync_ids: Sequence[str]) -> Iterator[FailedSync]:
        """Yield the syncs that exist with the causes of their failures, in no order. Raises UnprocessedItemsError.

        Of items that neither fit into their records nor have their causes there, at most 100 parts are read; of each
        such sync, at least one.
        """
        parts_left = MAX_PARTS
        for values in self.load_records(sync_ids):
            status = read_status(values) if is_fetched(values) else None
            parts = values.get("parts", {})
            if "causes" in parts:
                yield FailedSync(_listed(values), status, read_causes(parts["causes"]))
                continue
            count = int(parts.get("count", 0))
            read = min(count, max(1, parts_left))
            parts_left -= read
            items = self._items(values, read)
            causes = summarize_causes(items, status.code if status else None)
            yield FailedSync(_listed(values), status, causes, is_partial=read < count)

    def load_records(self, sync_ids: Sequence[str]) -> Iterator[Attributes]:
        """Yield the attributes of the records that exist, in no order. Raises UnprocessedItemsError."""
        keys = map(sync_key, dict.fromkeys(sync_ids))
        return chain.from_iterable(self._table.get(some) for some in batched(keys, _DOCUMENTS_AT_ONCE))

    def _items(self, record: Mapping[str, Any], count: int) -> Iterator[Item]:
        """Yield a record's items; of one in parts, those of the first ``count`` parts."""
        if "parts" not in record:
            return map(read_item, record.get("items", ()))
        return chain.from_iterable(self.load_part(record, number) for number in range(count))

    def load_part(self, record: Mapping[str, Any], number: int) -> list[Item]:
        """Return the items of one of a record's parts, from 0; none if it is gone. Raises UnprocessedItemsError."""
        found = self._table.get([part_key(record["syncId"], record["parts"]["partRunId"], number)])
        return [read_item(each) for part in found for each in part["items"]]


def _with_category(listed: ListedSync, retry: Retry | None) -> ListedSync:
    """Return a sync with the category of its retry, if its record has none: version 0.2.0 stored none."""
    if listed.category is None and listed.outcome in UNWRITTEN and retry:
        return replace(listed, category=categorize(retry))
    return listed


def _listed(values: Attributes) -> ListedSync:
    at = values.get("syncUtc") or values["firstSeenAt"]
    return parse_listed_sync(values["summary"], f"{at}#{values['syncId']}")
