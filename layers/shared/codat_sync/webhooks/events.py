"""Codat's webhook events, of both generations, read without trusting any of it.

Today's have ``eventType``, ``generatedDate`` and ``payload``; those of accounts that never migrated have ``RuleType``
and ``Data``, with the names of the rules written with a space or without, and the names of fields in any letter case
(https://docs.codat.io/using-the-api/webhooks/event-types). Standard library only: the receiver reads events too.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from codat_sync.core.timestamps import parse_timestamp


class EventCategory(StrEnum):
    """What an event is to this application."""

    SYNC = "sync"  # a sync of expenses has ended
    COMPANY = "company"  # a company, or a connection of its, has changed
    QUOTA = "quota"  # Codat's daily quota was reached, or has begun anew
    IGNORED = "ignored"  # of another product, or of no consequence here
    UNKNOWN = "unknown"  # of Sync for Expenses, but of a type that we have not learnt


_SYNC_EVENTS = {"expenses.sync.successful", "expenses.sync.unsuccessful", "syncfailed", "synccompleted"}
# Today's, and the rules of before.
_QUOTA_EVENTS = {"client.ratelimit.reached", "client.ratelimit.reset", "ratelimitreached", "ratelimitreset"}
_COMPANY_DELETED = "company.deleted"
_OUR_SYNC_TYPES = {"expense", "expenses"}
# A text longer than this is no id and no type: it goes when an event has to become smaller.
_MAX_ESSENTIAL_LENGTH = 1024


@dataclass(frozen=True, slots=True)
class Webhook:
    """What an event says of itself. Ids are as they came: unchecked, of any type."""

    event_type: str
    company_id: object
    sync_id: object
    sync_type: object
    generated_at: datetime | None
    quota_limit: object
    quota_remaining: object
    quota_expires_at: datetime | None

    @property
    def category(self) -> EventCategory:
        """What the event is to this application."""
        name = self._name
        if name in _QUOTA_EVENTS:
            return EventCategory.QUOTA
        if name == _COMPANY_DELETED or name.startswith("connection."):
            return EventCategory.COMPANY
        if name in _SYNC_EVENTS:
            # The older events name the product; another one's (Commerce) have the same type and are not ours.
            # An empty name names none.
            product = self.sync_type if isinstance(self.sync_type, str) else ""
            other = product and product.lower() not in _OUR_SYNC_TYPES
            return EventCategory.IGNORED if other else EventCategory.SYNC
        return EventCategory.UNKNOWN if name.startswith("expenses.") else EventCategory.IGNORED

    @property
    def is_deletion(self) -> bool:
        """Whether a company was deleted at Codat."""
        return self._name == _COMPANY_DELETED

    @property
    def is_quota_reached(self) -> bool:
        """Whether the quota is used up. One of Codat's own examples of a reset has the name of the other event."""
        has_some = isinstance(self.quota_remaining, int) and self.quota_remaining > 0
        return self._name.endswith("reached") and not has_some

    @property
    def _name(self) -> str:
        return self.event_type.replace(" ", "").lower()


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """A webhook that told to look at something, to be remembered as seen."""

    webhook_id: str
    event_type: str
    generated_at: datetime | None
    received_at: datetime | None
    correlation_id: str


def parse_body(body: bytes) -> dict[str, object] | None:
    """Return the JSON object that ``body`` holds, or None if it holds none."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):  # RecursionError: nested thousands deep
        return None
    return value if isinstance(value, dict) else None


def parse_webhook(event: dict[str, object]) -> Webhook | None:
    """Return what ``event`` says of itself, or None if it does not say what type of event it is."""
    event_type = _field(event, "eventType") or _field(event, "RuleType")
    if not isinstance(event_type, str):
        return None
    # The event of a deleted company has the company itself for its payload.
    of_company = _field(event, "payload", "id") if event_type.lower() == _COMPANY_DELETED else None
    return Webhook(
        event_type=event_type,
        company_id=_field(event, "payload", "referenceCompany", "id") or of_company or _field(event, "CompanyId"),
        sync_id=_field(event, "payload", "syncId") or _field(event, "Data", "syncId"),
        sync_type=_field(event, "Data", "syncType"),
        generated_at=parse_timestamp(_field(event, "generatedDate")),
        quota_limit=_first(_field(event, "payload", "dailyQuota"), _field(event, "Data", "DailyQuota")),
        quota_remaining=_first(_field(event, "payload", "quotaRemaining"), _field(event, "Data", "QuotaRemaining")),
        quota_expires_at=parse_timestamp(_field(event, "payload", "expiryDate") or _field(event, "Data", "ExpiresUtc")),
    )


def minimize_event(webhook: Webhook) -> dict[str, object]:
    """Return an event that tells no more than which sync to ask Codat about, as today's events do: a small one."""
    generated_at = webhook.generated_at
    return {
        "eventType": webhook.event_type,
        "generatedDate": generated_at and generated_at.isoformat(),
        "payload": {
            "referenceCompany": {"id": _essential(webhook.company_id)},
            "syncId": _essential(webhook.sync_id),
        },
        "Data": {"syncType": _essential(webhook.sync_type)},
    }


def _essential(value: object) -> str | None:
    return value if isinstance(value, str) and len(value) <= _MAX_ESSENTIAL_LENGTH else None


def _first(*values: object) -> object:
    return next((value for value in values if value is not None), None)


def _field(value: object, *path: str) -> object:
    """Return what stands at ``path``, whatever the letter case of its names; None if nothing does."""
    for name in path:
        if not isinstance(value, dict):
            return None
        found = value.get(name)
        value = next((v for k, v in value.items() if k.lower() == name.lower()), None) if found is None else found
    return value
