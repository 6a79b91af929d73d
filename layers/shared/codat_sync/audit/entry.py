"""Entries of the audit: actions of users and operators. Pure."""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from itertools import islice

from codat_sync.core.timestamps import format_timestamp

# Characters. An entry stays below 20 KB, whatever it is about.
_MAX_ACTOR = 300
_MAX_TEXT = 500
_MAX_DETAILS = 20


class Action(StrEnum):
    """Actions of users and operators that change something, or call Codat on request."""

    RETRY = "retry"
    BULK_RETRY = "bulkRetry"  # of all failed items that match a filter
    STOP_BULK_RETRY = "stopBulkRetry"
    RESOLVE = "resolve"  # state the outcome of a submission
    ACKNOWLEDGE = "acknowledge"  # state that the unknown outcomes of a sync are handled
    DISMISS = "dismiss"
    REOPEN = "reopen"
    NOTE = "note"
    REFRESH = "refresh"
    REPROCESS = "reprocess"  # a dead letter
    DROP = "drop"  # a dead letter
    ERASE = "erase"
    UNERASE = "unerase"
    PURGE_BODIES = "purgeBodies"


# Entries about these remain when the data of their company is erased: they say that it was.
OUTLIVE_ERASURE = frozenset({Action.ERASE, Action.UNERASE})


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what and when. ``action`` is an Action; a text, because a later version may have others.

    ``actor`` is the display name and the issuer's id, or the name of an operator's credentials. An entry with a sync
    also has its company, by which erasure finds it. ``details`` must not contain anything that only some roles may see.
    """

    at: datetime
    actor: str
    action: str
    sync_id: str | None = None
    company_id: str | None = None
    details: Mapping[str, str] = field(default_factory=dict)
    entry_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    company_name: str | None = None  # not stored

    @property
    def position(self) -> str:
        """Its position in the order of time."""
        return f"{format_timestamp(self.at)}#{self.entry_id}"

    @property
    def bounded(self) -> "AuditEntry":
        """The entry with its texts cut to what is stored, and without empty details."""
        given = ((name, shorten(text, _MAX_TEXT)) for name, text in self.details.items() if text)
        return replace(self, actor=shorten(self.actor, _MAX_ACTOR), details=dict(islice(given, _MAX_DETAILS)))

    def with_details(self, **details: str) -> "AuditEntry":
        """Return the same entry with more details. Recorded again, it replaces the first."""
        return replace(self, details={**self.details, **details})


def shorten(text: str, most: int) -> str:
    """Return at most ``most`` characters of a text. A text that was cut ends in an ellipsis."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def list_ids(ids: Collection[str]) -> str:
    """Return ids as a text, sorted, with their number if they do not all fit."""
    text = ", ".join(sorted(ids))
    return text if len(text) <= _MAX_TEXT else shorten(f"{len(ids)}: {text}", _MAX_TEXT)
