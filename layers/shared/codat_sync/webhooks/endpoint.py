"""The endpoint that Codat sends its webhooks to, as Codat has it. Rules only.

Codat disables one that has failed for five days (https://docs.codat.io/using-the-api/webhooks/troubleshooting), and a
person may turn it elsewhere: nothing comes then, and nothing tells of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from urllib.parse import urlsplit

_SYNCS = ("expenses.sync.successful", "expenses.sync.unsuccessful")


class EndpointState(StrEnum):
    """How our endpoint stands."""

    HEALTHY = "healthy"
    DISABLED = "disabled"  # Codat sends it nothing until a person enables it
    WRONG_URL = "wrongUrl"  # somebody is told of syncs, and it is not us
    MISSING = "missing"  # nobody is told of syncs
    UNSUBSCRIBED = "unsubscribed"  # it is not told of all that ends a sync
    UNKNOWN = "unknown"  # Codat does not say, or not understandably: nobody watches


@dataclass(frozen=True, slots=True)
class WebhookConsumer:
    """Who receives webhooks. No event types: all of them."""

    url: str
    is_disabled: bool
    event_types: frozenset[str] = frozenset()

    @property
    def is_subscribed_to_syncs(self) -> bool:
        """Whether it is told how every sync ends."""
        return not self.event_types or all({"*", event_type} & self.event_types for event_type in _SYNCS)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How our endpoint stood when Codat was asked last. ``since`` is when it was first found so.

    ``missed_webhooks`` is how many syncs were found whose webhook never came, ``last_missed_at`` when the last of them
    was.
    """

    state: EndpointState | None = None
    checked_at: datetime | None = None
    since: datetime | None = None
    missed_webhooks: int = 0
    last_missed_at: datetime | None = None


def evaluate_endpoint(consumers: Sequence[WebhookConsumer], our_url: str) -> EndpointState:
    """Return how the endpoint at ``our_url`` stands among all ``consumers``. One of several that is well is enough."""
    ours = [each for each in consumers if _address(each.url) == _address(our_url)]
    if not ours:
        return (
            EndpointState.WRONG_URL if any(each.is_subscribed_to_syncs for each in consumers) else EndpointState.MISSING
        )
    enabled = [each for each in ours if not each.is_disabled]
    if not enabled:
        return EndpointState.DISABLED
    return EndpointState.HEALTHY if any(each.is_subscribed_to_syncs for each in enabled) else EndpointState.UNSUBSCRIBED


def _address(url: str) -> tuple[str, str, str]:
    """Return what makes two URLs the same endpoint: letter case of the host, a slash at the end, a query do not."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", "", url
    return parts.scheme.lower(), parts.netloc.lower(), parts.path.rstrip("/")
