"""Model a submission: one write request to Codat and its state.

It is recorded before it is sent, so that no crash leaves an unknown write. A transaction has at most one submission in
flight: the one that holds its claim.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from codat_sync.submissions.expense_bodies import Kind

# Codat keeps the first response to a key for 90 minutes: https://docs.codat.io/using-the-api/idempotency. The reuse
# window is shorter, for clock skew.
KEY_REUSE_WINDOW = timedelta(minutes=80)
KEY_RETENTION = timedelta(minutes=90)
# After this, a sent request has its response or never will: our deadline, plus time to store it.
IN_FLIGHT_TIMEOUT = timedelta(seconds=40)
# An outcome still unknown then is reported. By then no repeated request may be sent with the key any more, and none
# is in transit: so an operator's finding in the accounting software stays true.
UNKNOWN_AFTER = KEY_RETENTION
# Codat's syncs are searched for an unknown outcome for so long: first after a minute, then whenever the age has
# doubled, at least every six hours. Each lookup uses quota.
LOOKUP_PERIOD = timedelta(days=14)
FIRST_LOOKUP = timedelta(minutes=1)
_MAX_LOOKUP_INTERVAL = timedelta(hours=6)


# Responses to requests that Codat did not process, because of the API key, account or quota.
UNPROCESSED_STATUSES = frozenset({401, 402, 403, 429})
# "One or more transactions have previously been processed: {ids}".
PREVIOUSLY_PROCESSED = "previously been processed"


class State(StrEnum):
    """States of a submission."""

    RECORDED = "recorded"  # not sent: whoever marks it as sent first may send it
    SENT = "sent"  # in flight, or received by Codat: the response is not known (yet)
    UNKNOWN = "unknown"  # sent, and no response will follow: Codat may have accepted it or not
    ACCEPTED = "accepted"  # Codat accepted it, and created a sync
    REJECTED = "rejected"  # Codat rejected it, or it was never sent
    STORED = "stored"  # only its body is stored: the product sends it to Codat itself


# The others are final: ACCEPTED continues as a sync, which has checks of its own.
IN_FLIGHT_STATES = frozenset({State.RECORDED, State.SENT, State.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Resolution:
    """An operator's statement about a submission with an unknown outcome: who made it, why, and when."""

    by: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Submission:
    """A write request. ``digest`` identifies equal requests.

    ``retry_of`` is the sync whose failed transactions it resubmits. ``already_processed`` are the transactions that
    Codat reported as already processed; ``rejection_reason`` is why it rejected the request. ``answer_status`` is the
    status returned to the caller, or with which Codat rejected it. In state ACCEPTED, None means that its sync was
    found in Codat's list and the caller has no response yet.

    ``reported_at`` is when its outcome was reported as unknown. With a ``resolution``, an operator has stated the
    outcome: it is ACCEPTED without a sync, and ``already_processed`` are the transactions that are written; or REJECTED
    if none is.
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
    reported_at: datetime | None = None
    resolution: Resolution | None = None

    @property
    def is_in_flight(self) -> bool:
        """Whether its outcome is not known (yet)."""
        return self.state in IN_FLIGHT_STATES

    @property
    def began_at(self) -> datetime:
        """When it was sent, or else recorded."""
        return self.sent_at or self.recorded_at

    def next_lookup_at(self, now: datetime, *, was_answered: bool) -> datetime | None:
        """Return when to look up its outcome again; None if Codat has not listed it for long enough."""
        age = now - self.began_at
        if age >= LOOKUP_PERIOD and was_answered:
            return None
        return now + min(max(age, FIRST_LOOKUP), _MAX_LOOKUP_INTERVAL)

    @property
    def is_creation(self) -> bool:
        """Whether it creates its transactions, and does not update them. A transfer's PUT creates."""
        return self.method == "POST" or self.kind is Kind.TRANSFER

    @property
    def is_content_rejected(self) -> bool:
        """Whether Codat rejected its content, not because of quota, key, or transactions already processed."""
        is_rejected = self.state is State.REJECTED and self.answer_status is not None
        return is_rejected and self.answer_status not in UNPROCESSED_STATUSES and not self.already_processed

    def is_repeated_by(self, other: "Submission") -> bool:
        """Return whether ``other`` repeats this request because its caller does not know the outcome.

        False for a rejected or resolved one: its claims are released, and a new request has to claim them first.
        """
        if self.state is State.REJECTED or self.resolution:
            return False
        if (self.method, self.kind, self.digest) != (other.method, other.kind, other.digest):
            return False
        if self.state is State.ACCEPTED and self.answer_status is None:
            return True  # Its lost response was reconstructed, and the caller has not received it yet.
        if self.state is State.ACCEPTED and other.recorded_at - self.recorded_at > KEY_RETENTION:
            return False  # The caller has the response, and Codat no longer keeps it: the request is a new one.
        if other.has_caller_key:
            return other.idempotency_key == self.idempotency_key
        # Without a key from the caller, an equal request may also be a new attempt after a failure.
        return self.is_in_flight

    def is_resend_safe(self, now: datetime) -> bool:
        """Return whether sending it again with its key can't write twice, whatever its outcome.

        Codat returns its first response for a key that it knows. A PUT takes no key.
        """
        if self.state is State.RECORDED:
            return True
        return self.method == "POST" and self.sent_at is not None and now - self.sent_at < KEY_REUSE_WINDOW


def compute_digest(text: str, kind: Kind) -> str:
    """Hash a request's body. A transfer's is normalized first, as it takes no key."""
    if kind is Kind.TRANSFER:
        text = json.dumps(json.loads(text, parse_float=str, parse_int=str), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
