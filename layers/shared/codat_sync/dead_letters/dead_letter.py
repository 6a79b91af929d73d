"""Dead letters: messages that could not be handled, why not, and which of them a person means."""

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from codat_sync.core.identifiers import canonicalize, is_identifier
from codat_sync.dead_letters.mention import extract_webhook, mentions_company

# What SQS itself moves has no reason: it was handed out as often as the queue allows.
MAX_RECEIVES_EXCEEDED = "max-receives-exceeded"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message of a dead-letter queue. ``queue`` is our name of that; ``sent_at`` when the message first came in."""

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

    @property
    def payload(self) -> str:
        """The webhook that it carries, or else its body, for a person to read."""
        return extract_webhook(self.body) or self.body

    def mentions(self, company_id: str) -> bool:
        """Return whether it speaks of a company, though it may be no message that can be understood."""
        return self.group == company_id or mentions_company(company_id, self.body)


@dataclass(frozen=True, slots=True)
class DropDecision:
    """That letters are deleted: why, by whom and when."""

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


@dataclass(frozen=True, slots=True)
class DeadLetterFilter:
    """Which dead letters are meant: those that fit all that is said. Nothing said: all.

    ``company_id`` is of those that say so; ``mentioned`` is a company's id wherever it stands in a letter.
    """

    message_ids: frozenset[str] = frozenset()
    queue: str | None = None
    reason: str | None = None
    company_id: str | None = None
    mentioned: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is said."""
        return self == DeadLetterFilter()

    def is_match(self, letter: DeadLetter) -> bool:
        """Return whether ``letter`` is meant."""
        return (
            (not self.message_ids or letter.message_id in self.message_ids)
            and self.queue in {None, letter.queue}
            and self.reason in {None, letter.reason}
            and self.company_id in {None, letter.company_id}
            and (self.mentioned is None or letter.mentions(self.mentioned))
        )

    def is_satisfied_by(self, found: Collection[str]) -> bool:
        """Return whether there can be no others than those with the ids ``found``: each is named, and was found."""
        return bool(self.message_ids) and self.message_ids.issubset(found)


def extract_ids(body: str, group: str | None) -> tuple[str | None, str | None]:
    """Return the ids of the company and of the sync that a message is about, as far as it says, whatever it is.

    What can be no id is none: it may be anything, of any length.
    """
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):  # RecursionError: nested thousands deep
        message = None
    told = message if isinstance(message, dict) else {}
    return _id(told.get("companyId")) or _id(group), _id(told.get("syncId"))


def _id(value: object) -> str | None:
    return canonicalize(value) if is_identifier(value) else None
