"""Define the messages of the control API, for its server and its client."""

from dataclasses import dataclass, field
from typing import Literal, Required

from pydantic import with_config

from dev.codat_simulator.books.models import Company, Sync, SyncChanges, WebhookConsumer
from dev.codat_simulator.request_log import LoggedRequest
from dev.codat_simulator.webhooks.events import Generation
from dev.codat_simulator.webhooks.signing import HeaderFamily
from dev.codat_simulator.wire import WIRE, JsonObject


@with_config(WIRE)
@dataclass(frozen=True)
class NewCompany:
    """A company to add."""

    name: str = Company.name
    company_id: str | None = None
    source_platform: str = Company.source_platform
    target_platform: str = Company.target_platform
    tags: dict[str, str] = field(default_factory=dict)
    updates_expenses: bool = True


@with_config(WIRE)
class NewSync(SyncChanges, total=False):
    """A sync to add: with these `items`, or with `generate` generated rows, optionally with `edge_cases`."""

    company_id: Required[str]
    sync_id: str
    generate: int
    edge_cases: bool


@with_config(WIRE)
@dataclass(frozen=True)
class NewWebhook:
    """A webhook to send: the event of a sync or a company, or `body` verbatim."""

    sync_id: str | None = None
    company_id: str | None = None
    generation: Generation = "current"
    event_type: str | None = None
    overrides: JsonObject = field(default_factory=dict)
    body: str | None = None
    headers: HeaderFamily = "webhook"
    method: Literal["POST", "PUT"] = "POST"
    secrets: tuple[str, ...] | None = None
    delay_seconds: float = 0.0
    repeat: int = 1


@with_config(WIRE)
@dataclass(frozen=True)
class WebhookSent:
    """The id by which a webhook can be queried, replayed and redelivered."""

    webhook_id: str


@with_config(WIRE)
@dataclass(frozen=True)
class WebhookUrl:
    """The webhook URL and its filters; `disabled` is reported by the API only, webhooks are still sent."""

    url: str
    disabled: bool = False
    event_types: tuple[str, ...] = WebhookConsumer.event_types
    company_tags: tuple[str, ...] = ()


@with_config(WIRE)
@dataclass(frozen=True)
class ConnectionStatus:
    """The status of a company's connection to its accounting software: `Linked`, `Deauthorized`, …."""

    status: str


@with_config(WIRE)
@dataclass(frozen=True)
class Quota:
    """The number of requests left today."""

    remaining: int


@with_config(WIRE)
@dataclass(frozen=True)
class Snapshot:
    """The complete state of simulated Codat, to compare a copy with."""

    companies: tuple[Company, ...]
    syncs: tuple[Sync, ...]


@with_config(WIRE)
@dataclass(frozen=True)
class Requests:
    """The requests to Codat's API and their concurrency."""

    requests: tuple[LoggedRequest, ...]
    max_in_flight: dict[str, int]  # by company
