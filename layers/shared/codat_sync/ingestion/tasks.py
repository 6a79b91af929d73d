"""What a message of SyncQueue tells: which sync or company to look at, or that Codat's quota has changed."""

import base64
import binascii
from dataclasses import dataclass

from codat_sync.core.errors import PoisonError
from codat_sync.core.identifiers import canonical, is_identifier
from codat_sync.core.timestamps import parse_instant
from codat_sync.messaging.messages import CheckMessage, Message, WebhookMessage
from codat_sync.rate_limits.quota import QuotaEvent
from codat_sync.webhooks.events import Concern, Webhook, WebhookEvent, parse_body, read_webhook


@dataclass(frozen=True, slots=True)
class SyncNews:
    """That a sync is to be looked at: because of an ``event``, or because it is due at a ``version``."""

    company_id: str
    sync_id: str
    event: WebhookEvent | None
    version: int | None
    correlation_id: str


@dataclass(frozen=True, slots=True)
class CompanyNews:
    """That a company is to be looked at: because of an ``event``, or because it is due at a ``version``.

    ``is_doubted`` tells that one of its syncs found no connection.
    """

    company_id: str
    event: WebhookEvent | None
    version: int | None
    is_deletion: bool
    correlation_id: str
    is_doubted: bool = False


@dataclass(frozen=True, slots=True)
class QuotaNews:
    """That Codat's quota was reached, or has begun anew."""

    event_type: str
    webhook_id: str
    correlation_id: str
    event: QuotaEvent


@dataclass(frozen=True, slots=True)
class RunNews:
    """That it is time to see whether the parts of a run are still pointed to."""

    sync_id: str
    run: str
    correlation_id: str


@dataclass(frozen=True, slots=True)
class NotOurs:
    """An event that is of no consequence here."""

    event_type: str
    webhook_id: str
    correlation_id: str


News = SyncNews | CompanyNews | QuotaNews | RunNews | NotOurs


def interpret(message: Message) -> News:
    """Return what a message tells. Raises PoisonError for what can't be understood (yet)."""
    return _of_check(message) if message["kind"] == "check" else _of_webhook(message)


def subject(news: News) -> tuple[object, ...]:
    """Return what ``news`` is about: news about the same are worked on together."""
    match news:
        case SyncNews():
            return SyncNews, news.company_id, news.sync_id
        case CompanyNews():
            return CompanyNews, news.company_id
    return (news,)


def event_type(news: News) -> str | None:
    """Return the type of the event that ``news`` came with, None if it came with none."""
    match news:
        case QuotaNews() | NotOurs():
            return news.event_type
        case SyncNews() | CompanyNews() if news.event:
            return news.event.event_type
    return None


def webhook_id(news: News) -> str | None:
    """Return the id of the webhook that ``news`` came with, None if it came with none."""
    match news:
        case QuotaNews() | NotOurs():
            return news.webhook_id
        case SyncNews() | CompanyNews() if news.event:
            return news.event.webhook_id
    return None


def correlation_id(news: News) -> str:
    """Return what leads to the request that ``news`` came with, or follow from."""
    return news.correlation_id


def _of_check(check: CheckMessage) -> News:
    company_id = _checked(check["companyId"], "company-id")
    if check["syncId"] is None:
        return CompanyNews(company_id, None, check["version"], is_deletion=False, correlation_id=check["correlationId"])
    sync_id = _checked(check["syncId"], "sync-id")
    if check["run"] is not None:
        return RunNews(sync_id, _checked(check["run"], "run"), check["correlationId"])
    return SyncNews(company_id, sync_id, None, check["version"], check["correlationId"])


def _of_webhook(message: WebhookMessage) -> News:
    event = parse_body(_raw(message))
    if event is None:
        raise PoisonError("not-json", "the webhook's body is not a JSON object")
    webhook = read_webhook(event)
    if webhook is None:
        raise PoisonError("no-event-type", "the webhook does not say what type of event it is")
    match webhook.concern:
        case Concern.NOT_OURS:
            return NotOurs(webhook.event_type, message["webhookId"], message["correlationId"])
        case Concern.UNKNOWN:
            raise PoisonError("unknown-event-type", f"no version of this application knows {webhook.event_type}")
        case Concern.QUOTA:
            event_of_quota = _quota_event(webhook, message)
            return QuotaNews(webhook.event_type, message["webhookId"], message["correlationId"], event_of_quota)
    company_id = _checked(webhook.company_id, "company-id")
    seen = _event(webhook, message)
    if webhook.concern is Concern.COMPANY:
        return CompanyNews(company_id, seen, None, webhook.is_deletion, seen.correlation_id)
    return SyncNews(company_id, _checked(webhook.sync_id, "sync-id"), seen, None, seen.correlation_id)


def _event(webhook: Webhook, message: WebhookMessage) -> WebhookEvent:
    return WebhookEvent(
        webhook_id=_checked(message["webhookId"], "webhook-id"),
        event_type=webhook.event_type,
        generated_at=webhook.generated_at,
        received_at=parse_instant(message["receivedAt"]),
        correlation_id=message["correlationId"],
    )


def _quota_event(webhook: Webhook, message: WebhookMessage) -> QuotaEvent:
    received_at = parse_instant(message["receivedAt"])
    if received_at is None:
        raise PoisonError("not-a-message", "receivedAt: not a time")
    return QuotaEvent(
        is_reached=webhook.is_quota_reached,
        remaining=_count(webhook.quota_remaining),
        limit=_count(webhook.quota_limit),
        expires_at=webhook.quota_expires_at,
        # Nothing is generated after it was received; a time that says so would stand over all that comes.
        at=min(webhook.generated_at or received_at, received_at),
    )


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _raw(message: WebhookMessage) -> bytes:
    try:
        return base64.b64decode(message["raw"], validate=True)
    except binascii.Error as error:
        raise PoisonError("not-a-message", f"raw: {error}") from error


def _checked(value: object, name: str) -> str:
    if value is None:
        raise PoisonError(f"no-{name}", f"the event has no {name}")
    if not is_identifier(value):
        raise PoisonError(f"malformed-{name}", f"the event's {name} is not an id")
    return canonical(value)
