"""A client of the simulator's control API, for the demo and for tests of a deployed stack."""

from typing import Self, Unpack

import httpx

from dev.codat_simulator.books.models import Company, Sync, SyncChanges, WebhookConsumer
from dev.codat_simulator.books.settling import Outcome, Settling
from dev.codat_simulator.books.submissions import Attachment, Entry, Submission
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
from dev.waiting import PATIENCE_SECONDS


class ControlError(Exception):
    """The simulator rejected a request."""


class SimulatorControl:
    """Controls a running simulator; a context manager."""

    def __init__(self, url: str, *, transport: httpx.BaseTransport | None = None) -> None:
        self._client = httpx.Client(
            base_url=f"{url.rstrip('/')}/_simulator/", timeout=PATIENCE_SECONDS, transport=transport, trust_env=False
        )

    def __enter__(self) -> Self:
        """Open the connections."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self._client.close()

    def state(self) -> Snapshot:
        """Return all companies and all syncs with their rows."""
        return decode(Snapshot, self._call("GET", "state"))

    def add_company(self, new: NewCompany | None = None) -> Company:
        """Add a company."""
        return decode(Company, self._call("POST", "companies", encode(NewCompany, new or NewCompany())))

    def delete_company(self, company_id: str) -> None:
        """Delete a company."""
        self._call("DELETE", f"companies/{company_id}")

    def set_connection_status(self, company_id: str, status: str) -> Company:
        """Set the status of a company's connection to its accounting software, such as `Deauthorized`."""
        content = encode(ConnectionStatus, ConnectionStatus(status))
        return decode(Company, self._call("PUT", f"companies/{company_id}/connection-status", content))

    def add_sync(self, **new: Unpack[NewSync]) -> Sync:
        """Add a sync."""
        return decode(Sync, self._call("POST", "syncs", encode(NewSync, new)))

    def change_sync(self, sync_id: str, **changes: Unpack[SyncChanges]) -> Sync:
        """Change a sync."""
        return decode(Sync, self._call("PATCH", f"syncs/{sync_id}", encode(SyncChanges, changes)))

    def settle(self, sync_id: str, outcome: Outcome | None = None) -> Sync:
        """Finish a submitted sync; by default, everything is written."""
        return decode(Sync, self._call("POST", f"syncs/{sync_id}/settle", encode(Outcome, outcome or Outcome())))

    def set_settling(self, plan: Settling) -> None:
        """Finish syncs automatically from now on, those in progress too."""
        self._call("PUT", "settling", encode(Settling, plan))

    def stop_settling(self) -> None:
        """Let syncs stay in progress until they are settled."""
        self._call("DELETE", "settling")

    def submissions(self) -> tuple[Submission, ...]:
        """Return the requests that started a sync, with their bodies."""
        return decode(tuple[Submission, ...], self._call("GET", "submissions"))

    def books(self, company_id: str) -> tuple[Entry, ...]:
        """Return everything written for a company, in order."""
        return decode(tuple[Entry, ...], self._call("GET", f"books/{company_id}"))

    def send_webhook(self, new: NewWebhook) -> str:
        """Enqueue a webhook for delivery and return its webhook-id."""
        return decode(WebhookSent, self._call("POST", "webhooks", encode(NewWebhook, new))).webhook_id

    def replay(self, webhook_id: str) -> str:
        """Deliver the same body as a new message and return its webhook-id."""
        return decode(WebhookSent, self._call("POST", f"webhooks/{webhook_id}/replay")).webhook_id

    def redeliver(self, webhook_id: str) -> str:
        """Deliver the same message again."""
        return decode(WebhookSent, self._call("POST", f"webhooks/{webhook_id}/redeliver")).webhook_id

    def deliveries(self) -> tuple[Delivery, ...]:
        """Return every message with its attempts."""
        return decode(tuple[Delivery, ...], self._call("GET", "deliveries"))

    def attachments(self) -> tuple[Attachment, ...]:
        """Return all uploaded files."""
        return decode(tuple[Attachment, ...], self._call("GET", "attachments"))

    def set_webhook_url(
        self,
        url: str,
        *,
        disabled: bool = False,
        event_types: tuple[str, ...] = WebhookConsumer.event_types,
        company_tags: tuple[str, ...] = (),
    ) -> None:
        """Set the webhook URL and its filters."""
        new = WebhookUrl(url, disabled, event_types, company_tags)
        self._call("PUT", "webhook-url", encode(WebhookUrl, new))

    def add_fault(self, fault: Fault) -> None:
        """Inject a fault into the next matching requests."""
        self._call("POST", "faults", encode(Fault, fault))

    def clear_faults(self) -> None:
        """Remove all faults."""
        self._call("DELETE", "faults")

    def set_remaining_quota(self, remaining: int) -> None:
        """Set the number of requests left today."""
        self._call("PUT", "quota", encode(Quota, Quota(remaining)))

    def requests(self) -> Requests:
        """Return the requests to Codat's API."""
        return decode(Requests, self._call("GET", "requests"))

    def clear_requests(self) -> None:
        """Clear the request log."""
        self._call("DELETE", "requests")

    def _call(self, method: str, path: str, content: bytes = b"") -> bytes:
        response = self._client.request(method, path, content=content)
        if response.is_error:
            raise ControlError(f"{method} {path}: {response.status_code} {response.text}")
        return response.content
