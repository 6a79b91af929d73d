"""A client of the simulator's control API, for the demo and for tests of a deployed stack."""

from typing import Self, Unpack

import httpx

from dev.codat_simulator.books.models import Company, Sync, SyncChanges
from dev.codat_simulator.books.settling import Outcome, Settling
from dev.codat_simulator.books.submissions import Entry, Submission
from dev.codat_simulator.control.messages import (
    ConnectionStatus,
    NewCompany,
    NewSync,
    NewWebhook,
    Quota,
    Requests,
    Snapshot,
    WebhookSent,
    WebhookUrl,
)
from dev.codat_simulator.faults import Fault
from dev.codat_simulator.webhooks.delivery import Delivery
from dev.codat_simulator.wire import decode, encode


class ControlError(Exception):
    """The simulator refused an order."""


class SimulatorControl:
    """Controls a running simulator; a context manager."""

    def __init__(self, url: str, *, transport: httpx.BaseTransport | None = None) -> None:
        self._client = httpx.Client(
            base_url=f"{url.rstrip('/')}/_simulator/", timeout=30, transport=transport, trust_env=False
        )

    def __enter__(self) -> Self:
        """Keep connections open meanwhile."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close them."""
        self._client.close()

    def state(self) -> Snapshot:
        """Show all companies and all syncs with their rows."""
        return decode(Snapshot, self._call("GET", "state"))

    def add_company(self, new: NewCompany | None = None) -> Company:
        """Add a company."""
        return decode(Company, self._call("POST", "companies", encode(NewCompany, new or NewCompany())))

    def delete_company(self, company_id: str) -> None:
        """Delete a company."""
        self._call("DELETE", f"companies/{company_id}")

    def set_connection_status(self, company_id: str, status: str) -> Company:
        """Change the state of a company's connection to its accounting software, say to `Deauthorized`."""
        content = encode(ConnectionStatus, ConnectionStatus(status))
        return decode(Company, self._call("PUT", f"companies/{company_id}/connection-status", content))

    def add_sync(self, **new: Unpack[NewSync]) -> Sync:
        """Add a sync."""
        return decode(Sync, self._call("POST", "syncs", encode(NewSync, new)))

    def change_sync(self, sync_id: str, **changes: Unpack[SyncChanges]) -> Sync:
        """Change a sync."""
        return decode(Sync, self._call("PATCH", f"syncs/{sync_id}", encode(SyncChanges, changes)))

    def settle(self, sync_id: str, outcome: Outcome | None = None) -> Sync:
        """Let a sync that a request started come to its end; by default, all of it is written."""
        return decode(Sync, self._call("POST", f"syncs/{sync_id}/settle", encode(Outcome, outcome or Outcome())))

    def set_settling(self, plan: Settling) -> None:
        """Let syncs end by themselves from now on, those in progress too."""
        self._call("PUT", "settling", encode(Settling, plan))

    def stop_settling(self) -> None:
        """Let syncs stay in progress until they are settled."""
        self._call("DELETE", "settling")

    def submissions(self) -> tuple[Submission, ...]:
        """Show every request that started a sync, with what was sent."""
        return decode(tuple[Submission, ...], self._call("GET", "submissions"))

    def books(self, company_id: str) -> tuple[Entry, ...]:
        """Show all that was ever written for a company, in that order."""
        return decode(tuple[Entry, ...], self._call("GET", f"books/{company_id}"))

    def send_webhook(self, new: NewWebhook) -> str:
        """Have a webhook delivered; returns its webhook-id at once."""
        return decode(WebhookSent, self._call("POST", "webhooks", encode(NewWebhook, new))).webhook_id

    def replay(self, webhook_id: str) -> str:
        """Have the same body delivered as a new message; returns its webhook-id."""
        return decode(WebhookSent, self._call("POST", f"webhooks/{webhook_id}/replay")).webhook_id

    def redeliver(self, webhook_id: str) -> str:
        """Have the same message delivered once more."""
        return decode(WebhookSent, self._call("POST", f"webhooks/{webhook_id}/redeliver")).webhook_id

    def deliveries(self) -> tuple[Delivery, ...]:
        """Show every message with all of its attempts."""
        return decode(tuple[Delivery, ...], self._call("GET", "deliveries"))

    def set_webhook_url(self, url: str, *, disabled: bool = False) -> None:
        """Send webhooks there from now on."""
        self._call("PUT", "webhook-url", encode(WebhookUrl, WebhookUrl(url, disabled)))

    def add_fault(self, fault: Fault) -> None:
        """Order a fault for the next requests that match it."""
        self._call("POST", "faults", encode(Fault, fault))

    def clear_faults(self) -> None:
        """Have Codat behave again."""
        self._call("DELETE", "faults")

    def set_remaining_quota(self, remaining: int) -> None:
        """Leave only so many of today's requests."""
        self._call("PUT", "quota", encode(Quota, Quota(remaining)))

    def requests(self) -> Requests:
        """Show what was asked of Codat's API."""
        return decode(Requests, self._call("GET", "requests"))

    def clear_requests(self) -> None:
        """Forget what was asked so far."""
        self._call("DELETE", "requests")

    def _call(self, method: str, path: str, content: bytes = b"") -> bytes:
        response = self._client.request(method, path, content=content)
        if response.is_error:
            raise ControlError(f"{method} {path}: {response.status_code} {response.text}")
        return response.content
