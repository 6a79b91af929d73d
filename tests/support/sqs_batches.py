"""SQS events for the worker."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

from codat_sync.core.timestamps import format_timestamp
from dev.codat_simulator.books.models import Sync
from dev.codat_simulator.simulator import SimulatedCodat
from dev.stored_events import Payload, load


def batch(*messages: dict[str, Any] | str) -> Payload:
    """Return the event that delivers these messages."""
    (record,) = load("worker", "sync-successful")["Records"]
    bodies = [message if isinstance(message, str) else json.dumps(message) for message in messages]
    return {"Records": [record | {"messageId": f"message-{n}", "body": body} for n, body in enumerate(bodies)]}


def message(event: object, webhook_id: str = "msg_1", **more: object) -> dict[str, Any]:
    """Return the receiver's message for an event."""
    raw = event if isinstance(event, bytes) else json.dumps(event).encode()
    (record,) = load("worker", "sync-successful")["Records"]
    template: dict[str, Any] = json.loads(record["body"])
    received_at = format_timestamp(datetime.now(UTC))
    fields = {"webhookId": webhook_id, "receivedAt": received_at, "raw": base64.b64encode(raw).decode()}
    return template | fields | more


def of(simulated: SimulatedCodat, sync: Sync, webhook_id: str = "msg_1") -> dict[str, Any]:
    """Return the receiver's message for Codat's event about a sync."""
    return message(simulated.event(sync), webhook_id)


def failed(answer: dict[str, Any]) -> list[str]:
    """Return the ids of the messages that the worker reports as failed."""
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
