"""What has to be true afterwards: all that simulated Codat holds, and what became of each webhook that it sent."""

from collections.abc import Iterable
from datetime import datetime

from codat_sync.core.identifiers import is_identifier
from dev.codat_simulator.books.models import Sync
from dev.codat_simulator.control.messages import Snapshot
from dev.codat_simulator.webhooks.delivery import Delivery
from dev.demo.scenario.delivery import Sent
from dev.demo.verification.records import Facts, Key, Kind, RowNames, moment

ACCEPTED, REFUSED = 202, 401


def true_facts(snapshot: Snapshot, sent: Iterable[Sent]) -> Facts:
    """Return all that has to be found."""
    facts: Facts = {}
    for sync in snapshot.syncs:
        facts |= _sync_facts(sync)
    for webhook in sent:
        answer = ACCEPTED if webhook.is_genuine else REFUSED
        facts[Key(None, Kind.WEBHOOK, webhook.webhook_id)] = {"status": answer}
        if webhook.announces:
            facts[Key(webhook.announces, Kind.EVENT, webhook.webhook_id)] = {}
    return facts


def answers(deliveries: Iterable[Delivery]) -> Facts:
    """Return how each webhook was answered in the end."""
    return {
        Key(None, Kind.WEBHOOK, delivery.webhook_id): {"status": delivery.attempts[-1].status}
        for delivery in deliveries
        if delivery.attempts
    }


def _sync_facts(sync: Sync) -> Facts:
    facts: Facts = {
        Key(sync.sync_id, Kind.LISTING, sync.company_id): {"code": sync.code},
        Key(sync.sync_id, Kind.SYNC): {
            "company": sync.company_id,
            "code": sync.code,
            "status": sync.sync_status,
            "error message": sync.error_message,
            "exception message": sync.sync_exception_message,
            "time": moment(datetime.fromisoformat(sync.sync_utc) if sync.sync_utc else None),
            "data pushed": sync.data_pushed,
        },
    }
    rows = RowNames()
    for ordinal, item in enumerate(sync.items):
        name = rows.name(item.transaction_id, item.integration_type, ordinal)
        facts[Key(sync.sync_id, Kind.TRANSACTION, name)] = {"status": item.status, "message": item.message}
        if is_identifier(item.transaction_id):
            facts[Key(sync.sync_id, Kind.POINTER, f"{sync.company_id}/{item.transaction_id}")] = {}
    return facts
