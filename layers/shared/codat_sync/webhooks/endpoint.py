"""Evaluate how our webhook endpoint is registered at Codat. Pure rules.

Codat disables an endpoint that has failed for five days (https://docs.codat.io/using-the-api/webhooks/troubleshooting),
and an operator may change its URL, its event types or the companies it receives events for: then webhooks stop, and
nothing else reveals it. A consumer's rate limit only delays webhooks, and with mutual TLS Codat presents a certificate
that API Gateway does not require: neither affects the state.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from urllib.parse import urlsplit

from codat_sync.webhooks.events import normalize_event_type

# How a sync can end, and the events of both generations that announce it.
_SYNC_ENDS = {
    "success": ("expenses.sync.successful", "synccompleted"),
    "failure": ("expenses.sync.unsuccessful", "syncfailed"),
}
_DEFAULT_PORTS = {"http": 80, "https": 443}


class EndpointState(StrEnum):
    """The state of our endpoint."""

    HEALTHY = "healthy"
    DISABLED = "disabled"  # Codat sends it nothing, or not all events, until an operator enables it
    WRONG_URL = "wrongUrl"  # sync webhooks go to other URLs only
    MISSING = "missing"  # no endpoint receives sync webhooks
    UNSUBSCRIBED = "unsubscribed"  # it does not receive all events that end a sync
    FILTERED = "filtered"  # it receives them for companies with certain tags only
    UNKNOWN = "unknown"  # Codat did not respond, or not as documented: the endpoint is not monitored


@dataclass(frozen=True, slots=True)
class WebhookConsumer:
    """A webhook consumer. No event types means all of them.

    ``is_filtered`` says that it has company tags: it receives no events of companies with none of these tags.
    """

    url: str
    is_disabled: bool
    event_types: frozenset[str] = frozenset()
    is_filtered: bool = False

    @property
    def sync_ends(self) -> set[str]:
        """Return how the syncs end that it is notified of. Event types may end in ``*``."""
        patterns = {normalize_event_type(each) for each in self.event_types}
        return {
            end for end, names in _SYNC_ENDS.items() if not patterns or any(_matches(name, patterns) for name in names)
        }


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Our endpoint's state at the last check. ``since`` is when it was first found in this state.

    ``missed_webhooks`` counts the syncs found without a webhook, ``last_missed_at`` is the time of the last one.
    ``example_received_at`` is when Codat's example event last arrived.
    """

    state: EndpointState | None = None
    checked_at: datetime | None = None
    since: datetime | None = None
    missed_webhooks: int = 0
    last_missed_at: datetime | None = None
    example_received_at: datetime | None = None


def evaluate_endpoint(consumers: Sequence[WebhookConsumer], our_url: str) -> EndpointState:
    """Return the state of the endpoint at ``our_url`` among all ``consumers``.

    Several consumers with our URL complement each other, such as one for each event type.
    """
    ours = [each for each in consumers if _normalize_url(each.url) == _normalize_url(our_url)]
    if not ours:
        is_elsewhere = any(each.sync_ends and not each.is_disabled for each in consumers)
        return EndpointState.WRONG_URL if is_elsewhere else EndpointState.MISSING
    enabled = [each for each in ours if not each.is_disabled]
    if _covers_all(each for each in enabled if not each.is_filtered):
        return EndpointState.HEALTHY
    # A company may have none of the tags of any consumer, so filtered ones never complement each other.
    if _covers_all(enabled):
        return EndpointState.FILTERED
    return EndpointState.DISABLED if not enabled or _covers_all(ours) else EndpointState.UNSUBSCRIBED


def _covers_all(consumers: Iterable[WebhookConsumer]) -> bool:
    """Return whether ``consumers`` together are notified however a sync ends."""
    return set().union(*(each.sync_ends for each in consumers)) == _SYNC_ENDS.keys()


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(
        name.startswith(pattern.removesuffix("*")) if pattern.endswith("*") else name == pattern for pattern in patterns
    )


def _normalize_url(url: str) -> tuple[str, str, int | None, str]:
    """Normalize a URL for comparison: ignore the host's case, a default port, a trailing slash and the query."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return "", "", None, url
    return parts.scheme, parts.hostname or "", port, parts.path.rstrip("/")
