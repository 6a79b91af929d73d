"""Misbehaviour to order.

Whether a request took effect is what its client cannot see: `disconnect`, `reset`, `status` and `unlink_status` mean
that it did not, `disconnect_after`, `reset_after`, `status_after`, `latency_after` and `unlink` that it did.
"""

import json
import re
from dataclasses import dataclass
from threading import Lock
from typing import Literal

import httpx
from pydantic import with_config

from dev.codat_simulator.api.errors import CodatApiError
from dev.codat_simulator.wire import WIRE, to_json

Kind = Literal[
    "latency",  # answers right, but late
    "status",  # answers `status` with Codat's error body
    "disconnect",  # closes the connection without an answer
    "reset",  # breaks the connection off
    "malformed",  # answers 200 with half of the JSON
    "wrong_shape",  # answers 200 with a list for an object, or the other way round
    "truncated",  # leaves out half of a page's rows, yet counts them in totalResults
    "wrong_total",  # answers a page with `total` as totalResults
    "disconnect_after",  # does what is asked, then closes the connection without an answer
    "reset_after",  # does what is asked, then breaks the connection off
    "status_after",  # does what is asked, then answers `status` with Codat's error body
    "latency_after",  # does what is asked, and answers so much later: the client's patience may be over
    "unlink",  # first the company's connection to its accounting software goes; does what is asked all the same
    "unlink_status",  # first the company's connection goes; then it answers `status` with Codat's error body
]


@with_config(WIRE)
@dataclass(frozen=True)
class Fault:
    """What goes wrong, and for which requests; each kind can be late as well."""

    kind: Kind
    times: int = 1  # how many matching requests it hits
    path: str = ""  # a regular expression, searched for in the path
    company_id: str | None = None
    sync_id: str | None = None
    seconds: float = 0.0
    status: int = 500
    retry_after: str | None = None  # as it goes into the header: seconds or a date
    total: int = 0

    def __post_init__(self) -> None:
        """Refuse a path that is no regular expression here, not in the request that it is meant for."""
        try:
            re.compile(self.path)
        except re.error as error:
            raise ValueError(f"path: {error}") from error

    def matches(self, request: httpx.Request) -> bool:
        """Return whether the fault applies to a request."""
        path = request.url.path
        return (
            re.search(self.path, path) is not None
            and (self.company_id is None or f"/companies/{self.company_id}/" in f"{path}/")
            and (self.sync_id is None or f"/syncs/{self.sync_id}/" in f"{path}/")
        )

    @property
    def delay_before_seconds(self) -> float:
        """How long the request waits before anyone looks at it."""
        return 0.0 if self.kind == "latency_after" else self.seconds

    @property
    def blocks_request(self) -> bool:
        """Whether the request comes to nothing."""
        return self.kind in ("disconnect", "reset", "status", "unlink_status")

    @property
    def unlinks_company(self) -> bool:
        """Whether the company's connection goes as the request comes."""
        return self.kind in ("unlink", "unlink_status")

    def disconnect(self, request: httpx.Request, *, after: bool) -> None:
        """Raise the httpx error of a connection that broke, before the request took effect or after."""
        if self.kind == ("disconnect_after" if after else "disconnect"):
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.", request=request)
        if self.kind == ("reset_after" if after else "reset"):
            raise httpx.ReadError("Connection reset by peer", request=request)

    def refuse(self, *, after: bool) -> None:
        """Raise the answer that says no, before the request took effect or after."""
        if self.kind in (("status_after",) if after else ("status", "unlink_status")):
            headers = {} if self.retry_after is None else {"Retry-After": self.retry_after}
            raise CodatApiError(self.status, can_be_retried=_can_be_retried(self.status), headers=headers)

    def time_out(self, request: httpx.Request) -> None:
        """Raise if a client in this process would not have waited; over HTTP, it sees to that itself."""
        patience = request.extensions.get("timeout", {}).get("read")
        if self.kind == "latency_after" and patience is not None and self.seconds > patience:
            raise httpx.ReadTimeout("The read operation timed out", request=request)

    def corrupt(self, content: bytes) -> bytes:
        """Damage a good answer."""
        if self.kind == "malformed":
            return content[: len(content) // 2]
        if self.kind == "wrong_shape":
            body = json.loads(content)
            return to_json({"results": body} if isinstance(body, list) else [body])
        if self.kind in ("truncated", "wrong_total"):
            return self._miscounted(content)
        return content

    def _miscounted(self, content: bytes) -> bytes:
        body = json.loads(content)
        if not isinstance(body, dict) or "totalResults" not in body:
            return content
        if self.kind == "truncated":
            body["results"] = body["results"][: len(body["results"]) // 2]
        else:
            body["totalResults"] = self.total
        return to_json(body)


class Faults:
    """The faults still to come. A request gets the oldest one that matches it, and only that one."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._left: list[tuple[Fault, int]] = []

    def add(self, fault: Fault) -> None:
        """Order a fault for the next requests that match."""
        with self._lock:
            self._left.append((fault, fault.times))

    def clear(self) -> None:
        """Behave again."""
        with self._lock:
            self._left.clear()

    def take(self, request: httpx.Request) -> Fault | None:
        """Take the fault that this request gets."""
        with self._lock:
            for place, (fault, times) in enumerate(self._left):
                if fault.matches(request):
                    self._left[place : place + 1] = [(fault, times - 1)] if times > 1 else []
                    return fault
        return None


def _can_be_retried(status: int) -> str:
    return "True" if status in (429, 503) else "Unknown"
