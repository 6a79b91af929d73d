"""Evaluate how our webhook endpoint is registered at Codat. Pure rules.

Codat disables an endpoint that has failed for five days (https://docs.codat.io/using-the-api/webhooks/troubleshooting),
and an operator may change its URL: then no webhook arrives, and nothing else reveals it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from urllib.parse import urlsplit

_SYNCS = ("expenses.sync.successful", "expenses.sync.unsuccessful")


class EndpointState(StrEnum):
    """The state of our endpoint."""

    HEALTHY = "healthy"
    DISABLED = "disabled"  # Codat sends it nothing until an operator enables it
    WRONG_URL = "wrongUrl"  # sync webhooks go to other URLs only
    MISSING = "missing"  # no endpoint receives sync webhooks
    UNSUBSCRIBED = "unsubscribed"  # it does not receive all events that end a sync
    UNKNOWN = "unknown"  # Codat did not respond, or not as documented: the endpoint is not monitored


@dataclass(frozen=True, slots=True)
class WebhookConsumer:
    """A webhook consumer. No event types means all of them."""

    url: str
    is_disabled: bool
    event_types: frozenset[str] = frozenset()

    @property
    def is_subscribed_to_syncs(self) -> bool:
        """Return whether it receives all events that end a sync."""
        return not self.event_types or all({"*", event_type} & self.event_types for event_type in _SYNCS)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Our endpoint's state at the last check. ``since`` is when it was first found in this state.

    ``missed_webhooks`` counts the syncs found without a webhook, ``last_missed_at`` is the time of the last one.
    """

    state: EndpointState | None = None
    checked_at: datetime | None = None
    since: datetime | None = None
    missed_webhooks: int = 0
    last_missed_at: datetime | None = None


def evaluate_endpoint(consumers: Sequence[WebhookConsumer], our_url: str) -> EndpointState:
    """Return the state of the endpoint at ``our_url`` among all ``consumers``. One healthy consumer is enough."""
    ours = [each for each in consumers if _normalize_url(each.url) == _normalize_url(our_url)]
    if not ours:
        return (
            EndpointState.WRONG_URL if any(each.is_subscribed_to_syncs for each in consumers) else EndpointState.MISSING
        )
    enabled = [each for each in ours if not each.is_disabled]
    if not enabled:
        return EndpointState.DISABLED
    return EndpointState.HEALTHY if any(each.is_subscribed_to_syncs for each in enabled) else EndpointState.UNSUBSCRIBED


def _normalize_url(url: str) -> tuple[str, str, str]:
    """Normalize a URL for comparison: ignore the case of the host, a trailing slash and the query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", "", url
    return parts.scheme.lower(), parts.netloc.lower(), parts.path.rstrip("/")
