"""Parse messages of SyncQueue into tasks: check a sync or company, or apply a change of Codat's quota."""

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from codat_sync.core.clock import utc_now
from codat_sync.core.errors import PoisonMessageError
from codat_sync.core.identifiers import canonicalize, is_identifier
from codat_sync.core.json_object import parse_object
from codat_sync.core.json_text import repair_text
from codat_sync.core.timestamps import parse_timestamp
from codat_sync.core.validation import describe_validation_error
from codat_sync.messaging.messages import CheckMessage, Message, WebhookMessage
from codat_sync.rate_limits.quota import QuotaEvent
from codat_sync.webhooks.events import EventCategory, Webhook, WebhookEvent, parse_webhook

# Codat's quotas have millions at most; DynamoDB's numbers have 38 digits.
_MAX_COUNT = 10**12
_MESSAGE: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="kind")])


@dataclass(frozen=True, slots=True)
class SyncTask:
    """Check a sync, because of an ``event`` or because it is due at a ``version``."""

    company_id: str
    sync_id: str
    event: WebhookEvent | None
    version: int | None
    correlation_id: str


@dataclass(frozen=True, slots=True)
class CompanyTask:
    """Check a company, because of an ``event`` or because it is due at a ``version``.

    ``is_connection_suspect`` says that one of its syncs found no connection.
    """

    company_id: str
    event: WebhookEvent | None
    version: int | None
    is_deletion: bool
    correlation_id: str
    is_connection_suspect: bool = False


@dataclass(frozen=True, slots=True)
class QuotaTask:
    """Apply that Codat's quota was reached or reset."""

    event_type: str
    webhook_id: str
    correlation_id: str
    event: QuotaEvent


@dataclass(frozen=True, slots=True)
class PartCleanupTask:
    """Delete the parts of a run if they are no longer referenced."""

    sync_id: str
    part_run_id: str
    correlation_id: str


@dataclass(frozen=True, slots=True)
class IgnoredEventTask:
    """An event that is irrelevant here."""

    event_type: str
    webhook_id: str
    correlation_id: str


@dataclass(frozen=True, slots=True)
class ExampleEventTask:
    """Codat's example event, sent from its Portal to test the endpoint. ``received_at`` is in our own format."""

    event_type: str
    webhook_id: str
    received_at: str
    correlation_id: str


Task = SyncTask | CompanyTask | QuotaTask | PartCleanupTask | IgnoredEventTask | ExampleEventTask


def parse_task(body: str) -> Task:
    """Parse a message's ``body`` into a task. Raises PoisonMessageError if it is invalid or not supported (yet)."""
    try:
        message = _MESSAGE.validate_json(body)
    except ValidationError as error:
        raise PoisonMessageError("invalid-message", describe_validation_error(error)) from None
    return _parse_check(message) if message["kind"] == "check" else _parse_webhook(message)


def get_subject(task: Task) -> tuple[object, ...]:
    """Return the subject of ``task``: tasks with the same subject are processed together."""
    match task:
        case SyncTask():
            return SyncTask, task.sync_id  # Events may name different companies for it.
        case CompanyTask():
            return CompanyTask, task.company_id
    return (task,)


def get_event_type(task: Task) -> str | None:
    """Return the type of the event that triggered ``task``, None if there is none."""
    match task:
        case QuotaTask() | IgnoredEventTask() | ExampleEventTask():
            return task.event_type
        case SyncTask() | CompanyTask() if task.event:
            return task.event.event_type
    return None


def get_webhook_id(task: Task) -> str | None:
    """Return the id of the webhook that triggered ``task``, None if there is none."""
    match task:
        case QuotaTask() | IgnoredEventTask() | ExampleEventTask():
            return task.webhook_id
        case SyncTask() | CompanyTask() if task.event:
            return task.event.webhook_id
    return None


def get_correlation_id(task: Task) -> str:
    """Return the correlation id of the request that triggered ``task``."""
    return task.correlation_id


def _parse_check(check: CheckMessage) -> Task:
    company_id = _checked(check["companyId"], "company-id")
    if check["syncId"] is None:
        return CompanyTask(company_id, None, check["version"], is_deletion=False, correlation_id=check["correlationId"])
    sync_id = _checked(check["syncId"], "sync-id")
    if check["partRunId"] is not None:
        return PartCleanupTask(sync_id, _checked(check["partRunId"], "part-run-id"), check["correlationId"])
    return SyncTask(company_id, sync_id, None, check["version"], check["correlationId"])


def _parse_webhook(message: WebhookMessage) -> Task:
    event = parse_object(repair_text(_raw(message)))
    received_at = parse_timestamp(message["receivedAt"])
    if event is None:
        raise PoisonMessageError("invalid-json", "the webhook's body is not a JSON object")
    webhook = parse_webhook(event, received_at or utc_now())
    if webhook is None:
        raise PoisonMessageError("missing-event-type", "the webhook has no event type")
    webhook_id, correlation_id = message["webhookId"], message["correlationId"]
    match webhook.category:
        case EventCategory.IGNORED:
            return IgnoredEventTask(webhook.event_type, webhook_id, correlation_id)
        case EventCategory.EXAMPLE:
            return ExampleEventTask(webhook.event_type, webhook_id, message["receivedAt"], correlation_id)
        case EventCategory.UNKNOWN:
            raise PoisonMessageError("unknown-event-type", f"no version of this application knows {webhook.event_type}")
        case EventCategory.QUOTA:
            quota_event = _quota_event(webhook, received_at)
            return QuotaTask(webhook.event_type, webhook_id, correlation_id, quota_event)
    company_id = _checked(webhook.company_id, "company-id")
    seen = _event(webhook, message, received_at)
    if webhook.category is EventCategory.COMPANY:
        return CompanyTask(company_id, seen, None, webhook.is_deletion, seen.correlation_id)
    return SyncTask(company_id, _checked(webhook.sync_id, "sync-id"), seen, None, seen.correlation_id)


def _event(webhook: Webhook, message: WebhookMessage, received_at: datetime | None) -> WebhookEvent:
    return WebhookEvent(
        webhook_id=_checked(message["webhookId"], "webhook-id"),
        event_type=webhook.event_type,
        generated_at=webhook.generated_at,
        received_at=received_at,
        correlation_id=message["correlationId"],
    )


def _quota_event(webhook: Webhook, received_at: datetime | None) -> QuotaEvent:
    if received_at is None:
        raise PoisonMessageError("invalid-message", "receivedAt: not a time")
    return QuotaEvent(
        is_reached=webhook.is_quota_reached,
        remaining=_count(webhook.quota_remaining),
        limit=_count(webhook.quota_limit),
        expires_at=webhook.quota_expires_at,
        # An event can't be generated after its receipt; a later time would override all subsequent events.
        at=min(webhook.generated_at or received_at, received_at),
    )


def _count(value: object) -> int | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= _MAX_COUNT else None


def _raw(message: WebhookMessage) -> bytes:
    try:
        return base64.b64decode(message["raw"], validate=True)
    except binascii.Error as error:
        raise PoisonMessageError("invalid-message", f"raw: {error}") from error


def _checked(value: object, name: str) -> str:
    if value is None:
        raise PoisonMessageError(f"missing-{name}", f"the event has no {name}")
    if not is_identifier(value):
        raise PoisonMessageError(f"malformed-{name}", f"the event's {name} is not an id")
    return canonicalize(value)
