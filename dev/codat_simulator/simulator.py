"""Simulate Codat: its state and the API in front of it.

`handle` has two entry points: in process, `transport` wraps it as an httpx transport; over HTTP,
`dev.codat_simulator.server` does.
"""

import base64
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

import httpx

from dev.codat_simulator.api import reading, writing
from dev.codat_simulator.api.errors import CodatApiError
from dev.codat_simulator.api.idempotency import Answer, IdempotencyKeys
from dev.codat_simulator.api.quota import DailyQuota
from dev.codat_simulator.api.reading import Options
from dev.codat_simulator.books.ledger import Ledger
from dev.codat_simulator.books.models import Company, Sync
from dev.codat_simulator.books.timestamps import utc_now
from dev.codat_simulator.faults import Fault, Faults
from dev.codat_simulator.request_log import RequestLog
from dev.codat_simulator.webhooks.events import EventContext, Generation, current_event, deep_merge, legacy_event
from dev.codat_simulator.webhooks.signing import HeaderFamily, SignedWebhook, new_webhook_id, sign
from dev.codat_simulator.wire import JsonObject, to_json


class SimulatedCodat(Ledger):
    """Codat's behaviour for one client."""

    def __init__(
        self,
        api_key: str,
        signing_secret: str,
        authorization: str | None = None,
        now: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(now)
        self.signing_secrets: tuple[str, ...] = (signing_secret,)  # several while one is being rotated
        self.authorization = authorization  # sent with every webhook
        self.max_page_size = reading.MAX_PAGE_SIZE_RETURNED
        self.faults = Faults()
        self.keys = IdempotencyKeys(now)
        self.requests = RequestLog(now)
        self.quota = DailyQuota(now, limit=lambda: 1000 * (1 + len(self.companies)))
        # The Authorization header that clients have to send.
        self.credentials = "Basic " + base64.b64encode(api_key.encode()).decode()
        self._sleep = sleep

    def transport(self) -> httpx.MockTransport:
        """Return a transport for clients in this process."""
        return httpx.MockTransport(self.handle)

    def handle(self, request: httpx.Request) -> httpx.Response:
        """Handle a request; raise httpx's error for a broken connection."""
        with self.requests.following(request) as logged:
            fault = self.faults.take(request) or Fault("latency")
            self._sleep(fault.delay_before_seconds)
            fault.disconnect(request, after=False)
            if fault.unlinks_company:
                self.set_connection_status(request.url.path.split("/")[2], "Deauthorized")
            self.settle_due()
            response = self._response(request, fault)
            fault.disconnect(request, after=True)
            fault.time_out(request)
            logged.status = response.status_code
        return response

    def _response(self, request: httpx.Request, fault: Fault) -> httpx.Response:
        try:
            answer = self._answer(request, fault)
        except CodatApiError as error:
            answer = _error_response(error)
        headers = self.quota.headers() | answer.headers | {"Content-Type": "application/json; charset=utf-8"}
        content = fault.corrupt(answer.content) if answer.status < 300 else answer.content
        return httpx.Response(answer.status, headers=headers, content=content, request=request)

    def _answer(self, request: httpx.Request, fault: Fault) -> Answer:
        if not fault.blocks_request:
            self._authenticate(request)
            self.quota.spend()
        if self.keys.is_known(request):  # the response is stored already, but an ordered fault precedes it
            fault.refuse(after=False)
            self._apply_fault_after(fault)
        return self.keys.answer(request, lambda: self._respond_once(request, fault))

    def _respond_once(self, request: httpx.Request, fault: Fault) -> Answer:
        try:
            fault.refuse(after=False)
            answer = self._correct_response(request, fault)
            self._apply_fault_after(fault)
        except CodatApiError as error:
            return _error_response(error)
        return answer

    def _correct_response(self, request: httpx.Request, fault: Fault) -> Answer:
        try:
            if request.method == "GET":
                options = Options(self.max_page_size, is_any_company=fault.kind == "other_company")
                return Answer(200, to_json(reading.answer(self, request, options)), {})
            status, body = writing.answer(self, request)
        except CodatApiError as error:
            return _error_response(error)
        return Answer(status, to_json(body), {})

    def _apply_fault_after(self, fault: Fault) -> None:
        if fault.kind == "latency_after":
            self._sleep(fault.seconds)
        fault.refuse(after=True)

    def _authenticate(self, request: httpx.Request) -> None:
        if request.headers.get("Authorization") != self.credentials:
            raise CodatApiError(401, "Unauthorized", "False")

    # ---------------------------------------------------------------- webhooks

    def event(
        self,
        sync: Sync | None = None,
        *,
        company: Company | None = None,
        generation: Generation = "current",
        event_type: str | None = None,
        overrides: JsonObject | None = None,
    ) -> JsonObject:
        """Build the event that Codat would send; without a type, the one that matches the sync's outcome.

        `overrides` are merged into the event, for what Codat does only at times: `{"Data": {"syncType": "Commerce"}}`.
        """
        if company is None and sync is not None:
            company = self.company(sync.company_id)
        write = current_event if generation == "current" else legacy_event
        return deep_merge(write(EventContext(self.now(), company, sync), event_type), overrides or {})

    def sign(
        self,
        body: bytes | JsonObject,
        *,
        webhook_id: str | None = None,
        headers: HeaderFamily = "webhook",
        secrets: Sequence[str] | None = None,
        at: datetime | None = None,
    ) -> SignedWebhook:
        """Sign an event, or any bytes, as Codat does."""
        signed = sign(
            body if isinstance(body, bytes) else to_json(body),
            self.signing_secrets if secrets is None else secrets,
            webhook_id=webhook_id or new_webhook_id(),
            at=at or self.now(),
            headers=headers,
        )
        if self.authorization is None:
            return signed
        return replace(signed, headers=signed.headers | {"Authorization": self.authorization})


def _error_response(error: CodatApiError) -> Answer:
    return Answer(error.status, to_json(error.body()), error.headers)
