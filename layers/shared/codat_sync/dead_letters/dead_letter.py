"""Model dead letters, the reasons for them, and filters that select them."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from codat_sync.core.identifiers import canonicalize, is_identifier
from codat_sync.core.json_object import parse_object
from codat_sync.dead_letters.mention import extract_webhook, mentions_company

# Messages that SQS itself moves carry no reason: they were received as often as the queue allows.
MAX_RECEIVES_EXCEEDED = "max-receives-exceeded"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message in a dead-letter queue. ``queue`` is our name for it; ``sent_at`` is when it was first sent."""

    queue: str
    message_id: str
    reason: str
    detail: str
    sent_at: datetime
    group: str | None
    company_id: str | None
    sync_id: str | None
    body: str = field(repr=False)
    receipt_handle: str = field(repr=False)
    company_name: str | None = None

    @property
    def payload(self) -> str:
        """The webhook that it carries, or else its body, for display."""
        return extract_webhook(self.body) or self.body

    def mentions(self, company_id: str) -> bool:
        """Return whether it mentions a company, even if it is malformed."""
        return self.group == company_id or mentions_company(company_id, self.body)


@dataclass(frozen=True, slots=True)
class DropDecision:
    """A decision to drop letters: why, by whom and when."""

    why: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class DroppedLetter:
    """The record of a letter that was dropped."""

    queue: str
    message_id: str
    reason: str
    company_id: str | None
    sync_id: str | None
    drop: DropDecision
    company_name: str | None = None


@dataclass(frozen=True, slots=True)
class DeadLetterFilter:
    """Select dead letters that match all given criteria. Without criteria, all match.

    ``company_id`` matches the letter's company; ``mentioned`` is a company's id anywhere in a letter.
    """

    message_ids: frozenset[str] = frozenset()
    queue: str | None = None
    reason: str | None = None
    company_id: str | None = None
    mentioned: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there are no criteria."""
        return self == DeadLetterFilter()

    def is_match(self, letter: DeadLetter) -> bool:
        """Return whether ``letter`` matches."""
        return (
            (not self.message_ids or letter.message_id in self.message_ids)
            and self.queue in {None, letter.queue}
            and self.reason in {None, letter.reason}
            and self.company_id in {None, letter.company_id}
            and (self.mentioned is None or letter.mentions(self.mentioned))
        )

    def is_satisfied_by(self, found: Collection[str]) -> bool:
        """Return whether no further letters can match: all requested ids are among ``found``."""
        return bool(self.message_ids) and self.message_ids.issubset(found)


def extract_ids(body: str, group: str | None) -> tuple[str | None, str | None]:
    """Extract the company id and the sync id from a message of any format; None where there is none.

    Invalid ids are treated as missing: they may be anything, of any length.
    """
    payload = parse_object(body) or {}
    return _id(payload.get("companyId")) or _id(group), _id(payload.get("syncId"))


def _id(value: object) -> str | None:
    return canonicalize(value) if is_identifier(value) else None
