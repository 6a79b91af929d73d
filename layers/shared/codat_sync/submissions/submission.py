"""A submission: one request that writes to Codat, and what is known of it at each moment.

It is recorded before it is sent, so that no crash leaves a write that nobody knows of. A transaction has at most one
submission in flight: that holds its claim.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from codat_sync.submissions.expense_schemas import Kind

# Codat keeps the first answer to a key for 90 minutes (https://docs.codat.io/using-the-api/idempotency); clocks differ.
KEY_REUSE_WINDOW = timedelta(minutes=80)
KEY_RETENTION = timedelta(minutes=90)
# A request that has been sent has its answer, or will never have one, after this: our deadline, and time to write it.
IN_FLIGHT_TIMEOUT = timedelta(seconds=40)


# With these Codat has not even looked at a request: its key, its account or its quota stood in the way.
UNPROCESSED_STATUSES = frozenset({401, 402, 403, 429})
# "One or more transactions have previously been processed: {ids}".
PREVIOUSLY_PROCESSED = "previously been processed"


class State(StrEnum):
    """How far a submission has got."""

    RECORDED = "recorded"  # not sent: who marks it as sent first may send it
    SENT = "sent"  # perhaps on its way, perhaps with Codat: the answer is not known (yet)
    UNKNOWN = "unknown"  # sent, and there will be no answer: Codat may have taken it or not
    ACCEPTED = "accepted"  # Codat took it, and made a sync of it
    REJECTED = "rejected"  # Codat did not take it, or it was never sent
    STORED = "stored"  # only its body is kept: the product sends it to Codat itself


@dataclass(frozen=True, slots=True)
class Submission:
    """A request that writes. ``digest`` tells whether another one is the same.

    ``retry_of`` is the sync whose failed transactions it creates again. ``processed`` are those of its transactions
    that Codat says it has already, ``refusal`` is why it did not take the request. ``answer_status`` is what the caller
    was told, or Codat refused with; None of what is answered if Codat's list of syncs told, and the caller was not yet.
    """

    submission_id: str
    company_id: str
    kind: Kind
    method: Literal["POST", "PUT"]
    transaction_ids: tuple[str, ...]
    idempotency_key: str | None
    digest: str
    state: State
    recorded_at: datetime
    sent_at: datetime | None = None
    sync_id: str | None = None
    answer_status: int | None = None
    retry_of: str | None = None
    already_processed: frozenset[str] = frozenset()
    rejection_reason: str | None = None
    has_caller_key: bool = False

    @property
    def is_content_rejected(self) -> bool:
        """Whether Codat looked at it and did not take it: not for its quota, the key, or what it has already."""
        is_refused = self.state is State.REJECTED and self.answer_status is not None
        return is_refused and self.answer_status not in UNPROCESSED_STATUSES and not self.already_processed

    def is_repeated_by(self, other: "Submission") -> bool:
        """Return whether ``other`` is this request again, of which the caller does not know what became.

        One that was refused is not: what it claimed is free, and a new one has to claim it first.
        """
        if self.state is State.REJECTED:
            return False
        if (self.method, self.kind, self.digest) != (other.method, other.kind, other.digest):
            return False
        if self.state is State.ACCEPTED and self.answer_status is None:
            return True  # Its answer was lost and found, and nobody was told yet.
        if self.state is State.ACCEPTED and other.recorded_at - self.recorded_at > KEY_RETENTION:
            return False  # The caller knows the answer, and Codat has forgotten it: the request is a new one.
        if other.has_caller_key:
            return other.idempotency_key == self.idempotency_key
        # Without a key of the caller's, the same again may also be a new try after a failure.
        return self.state in {State.RECORDED, State.SENT, State.UNKNOWN}

    def is_resend_safe(self, now: datetime) -> bool:
        """Return whether sending it again with its key can't write twice, whatever became of it.

        Codat answers a key that it knows as it did the first time. A PUT takes no key.
        """
        if self.state is State.RECORDED:
            return True
        return self.method == "POST" and self.sent_at is not None and now - self.sent_at < KEY_REUSE_WINDOW


def compute_digest(text: str, kind: Kind) -> str:
    """Return the fingerprint of a request's body; of a transfer's, however it is written down, as it takes no key."""
    if kind is Kind.TRANSFER:
        text = json.dumps(json.loads(text, parse_float=str, parse_int=str), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
