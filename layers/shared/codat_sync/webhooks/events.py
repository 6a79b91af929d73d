"""Parse Codat's webhook events of both generations, trusting none of their content.

Current events have ``eventType``, ``generatedDate`` and ``payload``. Legacy events, of accounts that never migrated,
have ``RuleType`` and ``Data``; the rules' names have a space or none. Some of Codat's examples name the type ``type``,
and field names have any letter case (https://docs.codat.io/using-the-api/webhooks/event-types). Standard library only:
the receiver parses events too.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from codat_sync.core.timestamps import parse_external_timestamp, parse_timestamp


class EventCategory(StrEnum):
    """The category of an event."""

    SYNC = "sync"  # a sync of expenses has ended
    COMPANY = "company"  # a company or one of its connections has changed
    QUOTA = "quota"  # Codat's daily quota was reached or reset
    EXAMPLE = "example"  # Codat's example of an event, sent from its Portal to test the endpoint
    IGNORED = "ignored"  # of another product, or irrelevant here
    UNKNOWN = "unknown"  # of Sync for Expenses, but of an unknown type


_SYNC_EVENTS = {"expenses.sync.successful", "expenses.sync.unsuccessful", "syncfailed", "synccompleted"}
# Current event types and legacy rules.
_QUOTA_EVENTS = {"client.ratelimit.reached", "client.ratelimit.reset", "ratelimitreached", "ratelimitreset"}
_COMPANY_DELETED = "company.deleted"
# The fields that name an event's type, in Codat's documentation of either generation.
_TYPE_FIELDS = ("eventType", "RuleType", "type")
# The company and the sync of Codat's documented examples (https://docs.codat.io/using-the-api/webhooks/event-types and
# its migration guide): Codat's Portal sends these events to test an endpoint, and its API answers 404 to their ids.
_EXAMPLE_COMPANIES = {"0498e921-9b53-4396-a412-4f2f5983b0a2", "1f9559e7-8368-48c9-bdf4-f158e16b8b85"}
_EXAMPLE_SYNCS = {
    "ee2eb431-c0fa-4dc9-93fa-d29781c12bcd",
    "321363b4-efa9-4fbc-b71c-0b58d62f3248",
    "3bead2a1-1b3d-4d90-8077-cddc5ca68b01",
    "a9367074-b5c3-42c4-9be4-be129f43577e",
}
_OUR_SYNC_TYPES = {"expense", "expenses"}
# Codat's types are much shorter; a processed event is stored with its type.
_MAX_TYPE_LENGTH = 256
# A longer text is neither an id nor a type: it is dropped when an event has to be minimized.
_MAX_ESSENTIAL_LENGTH = 1024


@dataclass(frozen=True, slots=True)
class Webhook:
    """The fields of an event. Ids are unvalidated and may have any type."""

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
        """Return the event's category."""
        name = self._name
        if name in _QUOTA_EVENTS:
            return EventCategory.QUOTA
        is_company_event = name == _COMPANY_DELETED or name.startswith("connection.")
        if (is_company_event or name in _SYNC_EVENTS) and self._is_example:
            return EventCategory.EXAMPLE
        if is_company_event:
            return EventCategory.COMPANY
        if name in _SYNC_EVENTS:
            # Legacy events name their product. Those of another (Commerce) have the same type and are ignored. An empty
            # name counts as none.
            product = self.sync_type if isinstance(self.sync_type, str) else ""
            other = product and product.lower() not in _OUR_SYNC_TYPES
            return EventCategory.IGNORED if other else EventCategory.SYNC
        return EventCategory.UNKNOWN if name.startswith("expenses.") else EventCategory.IGNORED

    @property
    def is_deletion(self) -> bool:
        """Return whether a company was deleted at Codat."""
        return self._name == _COMPANY_DELETED

    @property
    def is_quota_reached(self) -> bool:
        """Return whether the quota is used up. One of Codat's own reset examples has the name of this event."""
        has_some = isinstance(self.quota_remaining, int) and self.quota_remaining > 0
        return self._name.endswith("reached") and not has_some

    @property
    def _is_example(self) -> bool:
        return _canonical(self.company_id) in _EXAMPLE_COMPANIES or _canonical(self.sync_id) in _EXAMPLE_SYNCS

    @property
    def _name(self) -> str:
        return normalize_event_type(self.event_type)


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """A webhook that triggered a check, to be recorded as processed."""

    webhook_id: str
    event_type: str
    generated_at: datetime | None
    received_at: datetime | None
    correlation_id: str


def normalize_event_type(name: str) -> str:
    """Return an event type's name for comparison: Codat writes legacy ones with a space, without, in any case."""
    return "".join(name.split()).lower()


def parse_webhook(event: dict[str, object], received_at: datetime) -> Webhook | None:
    """Parse an event. Returns None if it has no event type."""
    named = (_field(event, field) for field in _TYPE_FIELDS)
    event_type = next((each for each in named if isinstance(each, str) and each.strip()), None)
    if event_type is None:
        return None
    # The payload of a company's deletion is the company itself.
    is_deletion = normalize_event_type(event_type) == _COMPANY_DELETED
    of_company = _field(event, "payload", "id") if is_deletion else None
    return Webhook(
        event_type=event_type[:_MAX_TYPE_LENGTH],
        company_id=_field(event, "payload", "referenceCompany", "id") or of_company or _field(event, "CompanyId"),
        sync_id=_field(event, "payload", "syncId") or _field(event, "Data", "syncId"),
        sync_type=_field(event, "Data", "syncType"),
        generated_at=parse_external_timestamp(_field(event, "generatedDate"), received_at),
        quota_limit=_first(_field(event, "payload", "dailyQuota"), _field(event, "Data", "DailyQuota")),
        quota_remaining=_first(_field(event, "payload", "quotaRemaining"), _field(event, "Data", "QuotaRemaining")),
        quota_expires_at=parse_timestamp(_field(event, "payload", "expiryDate") or _field(event, "Data", "ExpiresUtc")),
    )


def minimize_event(webhook: Webhook) -> dict[str, object]:
    """Return a minimal current-format event that only identifies the sync to fetch."""
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


def _canonical(value: object) -> str | None:
    return value.strip().lower() if isinstance(value, str) else None


def _first(*values: object) -> object:
    return next((value for value in values if value is not None), None)


def _field(value: object, *path: str) -> object:
    """Return the value at ``path``, ignoring the case of field names, None if there is none."""
    for name in path:
        if not isinstance(value, dict):
            return None
        found = value.get(name)
        value = next((v for k, v in value.items() if k.lower() == name.lower()), None) if found is None else found
    return value
