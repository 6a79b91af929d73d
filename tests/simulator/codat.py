"""Codat, played by us: its state and the API in front of it.

`handle` is one function behind two doors. In process, `transport` makes an httpx transport of it; over HTTP,
`tests.simulator.server` does.
"""

import base64
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

import httpx

from tests.simulator import api
from tests.simulator.errors import CodatApiError
from tests.simulator.events import Generation, Occasion, current_event, merged, old_event
from tests.simulator.faults import Fault, Faults
from tests.simulator.models import Company, Sync
from tests.simulator.quota import DailyQuota
from tests.simulator.request_log import RequestLog
from tests.simulator.state import State
from tests.simulator.times import utc_now
from tests.simulator.webhooks import HeaderFamily, SignedWebhook, new_webhook_id, sign
from tests.simulator.wire import JsonObject, to_json


class SimulatedCodat(State):
    """All that Codat does for one client."""

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
        self.authorization = authorization  # what the client has Codat send with every webhook
        self.max_page_size = api.PAGE_SIZE_SERVED
        self.faults = Faults()
        self.requests = RequestLog(now)
        self.quota = DailyQuota(now, limit=lambda: 1000 * (1 + len(self.companies)))
        # What a client has to send as Authorization.
        self.credentials = "Basic " + base64.b64encode(api_key.encode()).decode()
        self._sleep = sleep

    def transport(self) -> httpx.MockTransport:
        """Open the door for clients in this process."""
        return httpx.MockTransport(self.handle)

    def handle(self, request: httpx.Request) -> httpx.Response:
        """Answer one request, or raise the httpx error of a connection that broke."""
        with self.requests.following(request) as logged:
            fault = self.faults.take(request) or Fault("latency")
            self._sleep(fault.seconds)
            response = self._response(request, fault)
            logged.status = response.status_code
        return response

    def _response(self, request: httpx.Request, fault: Fault) -> httpx.Response:
        try:
            fault.refuse(request)
            self._authenticate(request)
            self.quota.spend()
            status, headers = 200, self.quota.headers()
            content = fault.spoil(to_json(api.answer(self, request, self.max_page_size)))
        except CodatApiError as error:
            status, headers = error.status, self.quota.headers() | error.headers
            content = to_json(error.body())
        headers["Content-Type"] = "application/json; charset=utf-8"
        return httpx.Response(status, headers=headers, content=content, request=request)

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
        """Make the event that Codat would send; without a type, the one that fits how the sync ended.

        `overrides` are merged into the event, for what Codat does only at times: `{"Data": {"syncType": "Commerce"}}`.
        """
        if company is None and sync is not None:
            company = self.company(sync.company_id)
        write = current_event if generation == "current" else old_event
        return merged(write(Occasion(self.now(), company, sync), event_type), overrides or {})

    def sign(
        self,
        body: bytes | JsonObject,
        *,
        webhook_id: str | None = None,
        headers: HeaderFamily = "webhook",
        secrets: Sequence[str] | None = None,
        at: datetime | None = None,
    ) -> SignedWebhook:
        """Sign an event, or any bytes, as Codat would now."""
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
