"""Handle the control API under `/_simulator`: change Codat's data, send webhooks, inject faults."""

import re
from collections.abc import Callable
from typing import cast

import httpx

from dev.codat_simulator.books.models import Company, Sync, SyncChanges, SyncFields
from dev.codat_simulator.books.sample_data import generate_items
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
from dev.codat_simulator.simulator import SimulatedCodat
from dev.codat_simulator.webhooks.delivery import Deliverer, Delivery, Message
from dev.codat_simulator.wire import decode, encode, to_json

PREFIX = "/_simulator/"
NO_CONTENT = b""

Action = Callable[..., bytes]  # takes the body and the path's parts


class ControlApi:
    """Controls a simulated Codat and its webhook deliveries."""

    def __init__(self, codat: SimulatedCodat, deliverer: Deliverer) -> None:
        self._codat = codat
        self._deliverer = deliverer
        self._routes: tuple[tuple[str, str, Action], ...] = (
            ("GET", "state", self._state),
            ("POST", "companies", self._add_company),
            ("DELETE", "companies/([^/]+)", self._delete_company),
            ("POST", "syncs", self._add_sync),
            ("PATCH", "syncs/([^/]+)", self._change_sync),
            ("POST", "syncs/([^/]+)/settle", self._settle),
            ("PUT", "settling", self._set_settling),
            ("DELETE", "settling", self._stop_settling),
            ("GET", "submissions", self._submissions),
            ("GET", "books/([^/]+)", self._books),
            ("GET", "attachments", self._attachments),
            ("PUT", "companies/([^/]+)/connection-status", self._set_connection_status),
            ("POST", "webhooks", self._send_webhook),
            ("POST", "webhooks/([^/]+)/replay", self._replay),
            ("POST", "webhooks/([^/]+)/redeliver", self._redeliver),
            ("GET", "deliveries", self._deliveries),
            ("POST", "faults", self._add_fault),
            ("DELETE", "faults", self._clear_faults),
            ("GET", "requests", self._requests),
            ("DELETE", "requests", self._clear_requests),
            ("PUT", "quota", self._set_remaining_quota),
            ("PUT", "webhook-url", self._set_webhook_url),
        )

    def handle(self, request: httpx.Request) -> httpx.Response:
        """Handle a request. 400: it is invalid; 404: it refers to something unknown."""
        path = request.url.path.removeprefix(PREFIX)
        for method, pattern, action in self._routes:
            if method == request.method and (match := re.fullmatch(pattern, path)):
                try:
                    content = action(request.read(), *match.groups())
                except KeyError as error:
                    return _error_response(404, f"not found: {error}")
                except ValueError as error:
                    return _error_response(400, str(error))
                return _response(200 if content else 204, content)
        return _error_response(404, f"no such endpoint: {request.method} {request.url.path}")

    # ---------------------------------------------------------------- state

    def _state(self, _: bytes) -> bytes:
        return encode(Snapshot, Snapshot(self._codat.companies, self._codat.syncs))

    def _add_company(self, body: bytes) -> bytes:
        new = decode(NewCompany, body)
        company = self._codat.add_company(
            new.name,
            company_id=new.company_id,
            source_platform=new.source_platform,
            target_platform=new.target_platform,
            tags=new.tags,
            updates_expenses=new.updates_expenses,
        )
        return encode(Company, company)

    def _delete_company(self, _: bytes, company_id: str) -> bytes:
        self._codat.delete_company(company_id)
        return NO_CONTENT

    def _add_sync(self, body: bytes) -> bytes:
        new = decode(NewSync, body)
        code = new.get("code", 2000)
        items = new.get(
            "items", generate_items(new.get("generate", 0), code=code, edge_cases=new.get("edge_cases", True))
        )
        fields = {name: value for name, value in new.items() if name in SyncFields.__annotations__}
        sync = self._codat.add_sync(
            self._codat.company(new["company_id"]),
            code,
            items,
            sync_id=new.get("sync_id"),
            **cast("SyncFields", fields),
        )
        return encode(Sync, sync)

    def _change_sync(self, body: bytes, sync_id: str) -> bytes:
        return encode(Sync, self._codat.change_sync(sync_id, **decode(SyncChanges, body)))

    def _set_remaining_quota(self, body: bytes) -> bytes:
        self._codat.quota.leave(decode(Quota, body).remaining)
        return NO_CONTENT

    def _set_connection_status(self, body: bytes, company_id: str) -> bytes:
        return encode(Company, self._codat.set_connection_status(company_id, decode(ConnectionStatus, body).status))

    # ---------------------------------------------------------------- submissions and books

    def _settle(self, body: bytes, sync_id: str) -> bytes:
        return encode(Sync, self._codat.settle(sync_id, decode(Outcome, body)))

    def _set_settling(self, body: bytes) -> bytes:
        self._codat.auto_settle = decode(Settling, body)
        return NO_CONTENT

    def _stop_settling(self, _: bytes) -> bytes:
        self._codat.auto_settle = None
        return NO_CONTENT

    def _submissions(self, _: bytes) -> bytes:
        return encode(tuple[Submission, ...], self._codat.submissions)

    def _books(self, _: bytes, company_id: str) -> bytes:
        return encode(tuple[Entry, ...], self._codat.books(company_id))

    def _attachments(self, _: bytes) -> bytes:
        return encode(tuple[Attachment, ...], self._codat.attachments)

    # ---------------------------------------------------------------- webhooks

    def _send_webhook(self, body: bytes) -> bytes:
        new = decode(NewWebhook, body)
        content = self._event(new) if new.body is None else new.body.encode()
        message = Message(
            content, generation=new.generation, headers=new.headers, method=new.method, secrets=new.secrets
        )
        for _ in range(new.repeat):
            self._deliverer.send(message, delay_seconds=new.delay_seconds)
        return _sent(message.webhook_id)

    def _event(self, new: NewWebhook) -> bytes:
        event = self._codat.event(
            None if new.sync_id is None else self._codat.sync(new.sync_id),
            company=None if new.company_id is None else self._codat.company(new.company_id),
            generation=new.generation,
            event_type=new.event_type,
            overrides=new.overrides,
        )
        return to_json(event)

    def _replay(self, _: bytes, webhook_id: str) -> bytes:
        return _sent(self._deliverer.replay(webhook_id))

    def _redeliver(self, _: bytes, webhook_id: str) -> bytes:
        return _sent(self._deliverer.redeliver(webhook_id))

    def _deliveries(self, _: bytes) -> bytes:
        return encode(tuple[Delivery, ...], self._deliverer.deliveries())

    def _set_webhook_url(self, body: bytes) -> bytes:
        new = decode(WebhookUrl, body)
        self._codat.set_webhook_consumer(
            new.url, disabled=new.disabled, event_types=new.event_types, company_tags=new.company_tags
        )
        self._deliverer.url = new.url
        return NO_CONTENT

    # ---------------------------------------------------------------- faults and requests

    def _add_fault(self, body: bytes) -> bytes:
        self._codat.faults.add(decode(Fault, body))
        return NO_CONTENT

    def _clear_faults(self, _: bytes) -> bytes:
        self._codat.faults.clear()
        return NO_CONTENT

    def _requests(self, _: bytes) -> bytes:
        log = self._codat.requests
        return encode(Requests, Requests(log.entries, log.max_concurrency_by_company()))

    def _clear_requests(self, _: bytes) -> bytes:
        self._codat.requests.clear()
        return NO_CONTENT


def _sent(webhook_id: str) -> bytes:
    return encode(WebhookSent, WebhookSent(webhook_id))


def _error_response(status: int, error: str) -> httpx.Response:
    return _response(status, to_json({"error": error}))


def _response(status: int, content: bytes) -> httpx.Response:
    return httpx.Response(status, headers={"Content-Type": "application/json"}, content=content)
