"""The payloads of `events/` and the expected response to each, for tests and `sam local`."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook

EVENTS = Path(__file__).parent.parent / "events"

# The company and the sync of the payloads. The simulator has them.
COMPANY_ID = "8a210b68-6988-11ed-a1eb-0242ac120002"
SYNC_ID = "6fb40d5e-b13e-11ed-afa1-0242ac120002"
TRANSACTION_IDS = ("4d7c6929-7770-412b-91bb-44d3bc71d111", "2d8c6929-7770-412b-91bb-44d3bc71d222")

UNSIGNED = "unsigned"
RECEIVER_ANSWERS = {
    "rate-limit-reset": 202,
    "sync-failed-old": 202,
    "sync-successful": 202,
    "sync-unsuccessful": 202,
    "sync-unsuccessful-base64": 202,
    "sync-unsuccessful-put": 202,
    UNSIGNED: 401,
}
# The reasons of the dead letters in each batch. No message is redelivered. The first one stores the sync.
WORKER_REASONS: dict[str, list[str]] = {
    "sync-unsuccessful": [],
    "check": [],
    "connection-disconnected": [],
    "not-ours": [],
    "poison": ["unknown-event-type", "invalid-message", "missing-sync-id", "malformed-sync-id"],
    "same-sync-thrice": [],
    "sync-completed-old": [],
    "sync-successful": [],
}

# The clock's response when nothing is due.
CLOCK_ANSWERS = {"each-minute": {"enqueued": 0, "gate": None}}

# The events that publish sends, in this order.
PUBLISH_EVENTS: dict[str, list[str]] = {
    "body-missing": ["BodyMissing"],
    "connection-lost": ["ConnectionLost"],
    "poison": ["SyncSucceeded", "TransactionCompleted"],  # of the other record: the poison one becomes a dead letter
    "sync-failed": ["SyncFailed", "TransactionCompleted", "TransactionFailed"],
    "sync-succeeded": ["SyncSucceeded", "TransactionCompleted"],
}
# Index's responses: an id, words and amounts; nothing new; a phrase that was not there before, of two.
INDEX_ANSWERS = {
    "body-purged": {"entriesWritten": 0},
    "company-renamed": {"entriesWritten": 2},
    "expense-recorded": {"entriesWritten": 7},
}
# Reconcile's response when the table is complete, without the varying fields.
RECONCILE_ANSWERS = {"each-five-minutes": {"stopReason": "completed", "enqueued": 0}}

# The responses that follow are those once the worker has stored the sync, without the varying fields.
SUBMIT_ANSWERS = {"create-expenses": {"statusCode": 200, "hasSyncId": True}}
_STEPS = {"steps": {TRANSACTION_IDS[1]: "noBodyRecorded"}}
RETRY_ANSWERS: dict[str, dict[str, Any]] = {
    "asked": {"statusCode": 200, **_STEPS},
    "direct": _STEPS,
    "due": {"batchItemFailures": []},
}
_FAILED = {"syncId": SYNC_ID, "outcome": "failed", "code": 5130}
HEALTH_ANSWERS: dict[str, dict[str, Any]] = {
    "history": {"statusCode": 200, "syncs": [_FAILED]},
    "sync": {"statusCode": 200, "sync": {**_FAILED, "transactions": 2, "failed": 1}},
}

# Every payload, by function.
PAYLOADS: dict[str, set[str]] = {
    "receiver": set(RECEIVER_ANSWERS),
    "worker": set(WORKER_REASONS),
    "clock": set(CLOCK_ANSWERS),
    "reconcile": set(RECONCILE_ANSWERS),
    "submit": set(SUBMIT_ANSWERS),
    "retry": set(RETRY_ANSWERS),
    "health": set(HEALTH_ANSWERS),
    "publish": set(PUBLISH_EVENTS),
    "index": set(INDEX_ANSWERS),
}

# A payload of Lambda's: JSON, whose shape AWS defines.
Payload = dict[str, Any]


def load(function: str, name: str) -> Payload:
    """Return the stored payload: without a signature, which would have expired."""
    payload: Payload = json.loads((EVENTS / function / f"{name}.json").read_text())
    return payload


def signed(
    payload: Payload, signing_secret: str, *, webhook_id: str = "msg_2pLxVrYw9bQk", prefix: str = "webhook"
) -> Payload:
    """Return the payload signed as if Codat had sent it now."""
    body = base64.b64decode(payload["body"]).decode() if payload["isBase64Encoded"] else payload["body"]
    now = datetime.now(UTC)
    signature = {
        f"{prefix}-id": webhook_id,
        f"{prefix}-timestamp": str(int(now.timestamp())),
        f"{prefix}-signature": Webhook(signing_secret).sign(webhook_id, now, body),
    }
    return payload | {"headers": payload["headers"] | signature}
