"""Compute the expected records: the contents of simulated Codat, and the response to each webhook."""

from collections.abc import Iterable
from datetime import datetime

from codat_sync.core.identifiers import is_identifier
from dev.codat_simulator.books.models import Sync
from dev.codat_simulator.control.messages import Snapshot
from dev.codat_simulator.webhooks.delivery import Delivery
from dev.demo.scenario.delivery import Sent
from dev.demo.verification.records import Key, Kind, Records, RowNames, utc_millis

ACCEPTED, REFUSED = 202, 401


def expected_records(snapshot: Snapshot, sent: Iterable[Sent]) -> Records:
    """Return all expected records."""
    records: Records = {}
    for sync in snapshot.syncs:
        records |= _sync_records(sync)
    for webhook in sent:
        answer = ACCEPTED if webhook.is_genuine else REFUSED
        records[Key(None, Kind.WEBHOOK, webhook.webhook_id)] = {"status": answer}
        if webhook.announced_sync_id:
            records[Key(webhook.announced_sync_id, Kind.EVENT, webhook.webhook_id)] = {}
    return records


def answers(deliveries: Iterable[Delivery]) -> Records:
    """Return the final response to each webhook."""
    return {
        Key(None, Kind.WEBHOOK, delivery.webhook_id): {"status": delivery.attempts[-1].status}
        for delivery in deliveries
        if delivery.attempts
    }


def _sync_records(sync: Sync) -> Records:
    records: Records = {
        Key(sync.sync_id, Kind.LIST_ENTRY, sync.company_id): {"code": sync.code},
        Key(sync.sync_id, Kind.SYNC): {
            "company": sync.company_id,
            "code": sync.code,
            "status": sync.sync_status,
            "error message": sync.error_message,
            "exception message": sync.sync_exception_message,
            "time": utc_millis(datetime.fromisoformat(sync.sync_utc) if sync.sync_utc else None),
            "data pushed": sync.data_pushed,
        },
    }
    rows = RowNames()
    for ordinal, item in enumerate(sync.items):
        name = rows.name(item.transaction_id, item.integration_type, ordinal)
        records[Key(sync.sync_id, Kind.TRANSACTION, name)] = {"status": item.status, "message": item.message}
        if is_identifier(item.transaction_id):
            records[Key(sync.sync_id, Kind.INDEX_ENTRY, f"{sync.company_id}/{item.transaction_id}")] = {}
    return records
