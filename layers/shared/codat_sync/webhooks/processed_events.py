"""Record processed webhooks beside their subject, for as long as Codat may redeliver them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from codat_sync.aws.dynamodb import Attributes, Table
from codat_sync.aws.table_schema import EVENT_PREFIX, Key, event_key
from codat_sync.core.timestamps import format_timestamp, parse_timestamp
from codat_sync.webhooks.events import WebhookEvent

_VERSION = 1

ItemsBySortKey = dict[str, Attributes]
WebhookIds = frozenset[str]


# A sync has a handful; endless replays must not slow down readers.
MAX_EVENTS = 500


@dataclass(frozen=True, slots=True)
class ProcessedEvent:
    """A processed webhook. ``generated_at`` is Codat's time; ``processed_at`` is when its result was stored.

    ``correlation_id`` identifies its log lines.
    """

    webhook_id: str
    event_type: str | None
    generated_at: datetime | None
    received_at: datetime | None
    processed_at: datetime | None
    correlation_id: str | None


class ProcessedEventRepository:
    """The processed webhooks in SyncTable."""

    def __init__(self, table: Table, retention: timedelta) -> None:
        self._table = table
        self._retention = retention

    def record(
        self, subject: Key, events: Sequence[WebhookEvent], now: datetime, *, unchanged_version: int | None = None
    ) -> None:
        """Record ``events`` about the item with the key ``subject`` as processed. Raises UnprocessedItemsError.

        ``unchanged_version`` is the item's version, if the item already held Codat's response to them.
        """
        expires_at = int((now + self._retention).timestamp())
        self._table.put_all(
            event_key(subject, event.webhook_id)
            | {
                "v": _VERSION,
                "eventType": event.event_type,
                "generatedAt": event.generated_at and format_timestamp(event.generated_at),
                "receivedAt": event.received_at and format_timestamp(event.received_at),
                "processedAt": format_timestamp(now),
                "correlationId": event.correlation_id,
                "unchangedVersion": unchanged_version,
                "expiresAt": expires_at,
            }
            for event in events
        )

    def has_unchanged_event(self, subject: Key, version: int) -> bool:
        """Return whether a processed event found the item's ``version`` to match Codat's response."""
        events = self._table.query(subject["pk"], EVENT_PREFIX)
        return any(event.get("unchangedVersion") == version for event in events)

    def load(self, subject: Key) -> list[ProcessedEvent]:
        """Return up to 501 events about the item with the key ``subject``, oldest first: one more than readers show."""
        items = islice(self._table.query(subject["pk"], EVENT_PREFIX), MAX_EVENTS + 1)
        return sorted(map(_read, items), key=lambda event: (event.received_at is not None, event.received_at))

    def load_with_processed_ids(
        self, subject: Key, webhook_ids: Iterable[str], others: Iterable[Key] = ()
    ) -> tuple[ItemsBySortKey, WebhookIds]:
        """Return the items of ``subject`` and ``others`` by sort key, and which of ``webhook_ids`` were processed.

        One consistent read. An event that changed nothing counts as processed only while the item has the same version:
        a later version may stem from a request made before the event. Raises UnprocessedItemsError.
        """
        events = [event_key(subject, webhook_id) for webhook_id in webhook_ids]
        found = {item["sk"]: item for item in self._table.get([subject, *others, *events])}
        version = found.get(subject["sk"], {}).get("version")
        marked = [found.pop(event["sk"]) for event in events if event["sk"] in found]
        processed_ids = [event["sk"] for event in marked if event.get("unchangedVersion") in {None, version}]
        return found, frozenset(sk.removeprefix(EVENT_PREFIX) for sk in processed_ids)


def _read(item: Attributes) -> ProcessedEvent:
    return ProcessedEvent(
        webhook_id=item["sk"].removeprefix(EVENT_PREFIX),
        event_type=item.get("eventType"),
        generated_at=parse_timestamp(item.get("generatedAt")),
        received_at=parse_timestamp(item.get("receivedAt")),
        processed_at=parse_timestamp(item.get("processedAt")),
        correlation_id=item.get("correlationId"),
    )
