"""Store the responses to requests with an Idempotency-Key in SyncTable."""

import json
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from codat_sync.aws.dynamodb import Table
from codat_sync.aws.table_schema import idempotency_key
from codat_sync.core.errors import ConditionFailedError

_VERSION = 1
# Longer than a function that serves the API runs: see `tests/infrastructure/test_template.py`.
MAX_DURATION = timedelta(minutes=3)
# In bytes: a DynamoDB item is limited to 400 KB. A response of 6 MB, mostly ids, is compressed to less.
_MAX_BYTES = 350_000

# A response to API Gateway: JSON, whose shape AWS defines.
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class IdempotencyRecord:
    """The first request with a key: ``digest`` is that of the request, ``response`` None until it has finished.

    ``locked_until`` and ``expires_at`` are seconds since the epoch. Until the former, the request may be in progress.
    """

    digest: str
    locked_until: int
    expires_at: int
    response: Json | None = None

    @property
    def started_by(self) -> int:
        """A moment, in seconds since the epoch, that had passed when its request began."""
        return self.locked_until - int(MAX_DURATION.total_seconds()) - 1


class IdempotencyRepository:
    """Records of requests, each by the ``record_id`` of its caller and key."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def load(self, record_id: str) -> IdempotencyRecord | None:
        """Return the record, read consistently; None if there is none. It may have expired."""
        for item in self._table.get([idempotency_key(record_id)]):
            stored = item.get("response")
            response = json.loads(zlib.decompress(bytes(stored))) if stored else None
            return IdempotencyRecord(item["digest"], int(item["lockedUntil"]), int(item["expiresAt"]), response)
        return None

    def begin(self, record_id: str, record: IdempotencyRecord, previous: IdempotencyRecord | None) -> bool:
        """Store ``record`` in place of ``previous``; return whether no other request was faster."""
        values = {"v": _VERSION, "digest": record.digest, "lockedUntil": record.locked_until}
        item = idempotency_key(record_id) | values | {"expiresAt": record.expires_at}
        try:
            self._table.put(item, _as_stored(previous))
        except ConditionFailedError:
            return False
        return True

    def finish(self, record_id: str, record: IdempotencyRecord, response: Json) -> None:
        """Add the response to ``record``, unless another request has taken over or the response is too large."""
        compressed = zlib.compress(json.dumps(response).encode())
        if len(compressed) > _MAX_BYTES:
            self.release(record_id, record)
        else:
            self._update(record_id, record, {"response": compressed})

    def release(self, record_id: str, record: IdempotencyRecord) -> None:
        """Let ``record`` expire: its request had no result to keep. Nothing is deleted here: health may only write.

        DynamoDB deletes what has expired, unless that was more than five years ago: so 0 would keep it forever.
        """
        self._update(record_id, record, {"expiresAt": record.started_by})

    def _update(self, record_id: str, record: IdempotencyRecord, changes: Json) -> None:
        try:
            self._table.update(idempotency_key(record_id), changes, _as_stored(record))
        except ConditionFailedError:
            return  # Another request took over when the lock of this one had ended.


def _as_stored(record: IdempotencyRecord | None) -> dict[str, object]:
    """Return what identifies a record while its request is in progress."""
    if record is None:
        return {"digest": None}
    return {"digest": record.digest, "lockedUntil": record.locked_until, "expiresAt": record.expires_at}


def expiry(now: datetime, after: timedelta) -> int:
    """Return the time ``after`` from now, in whole seconds since the epoch, rounded up."""
    return int((now + after).timestamp()) + 1
