"""Inject faults.

Clients can't see whether a request took effect: with `disconnect`, `reset`, `status` and `unlink_status` it did not,
with `disconnect_after`, `reset_after`, `status_after`, `latency_after` and `unlink` it did.
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
    "latency",  # delays a correct response
    "status",  # returns `status` with Codat's error body
    "disconnect",  # closes the connection without a response
    "reset",  # resets the connection
    "cut",  # returns 200 with half of the JSON
    "maintenance",  # returns 200 with the HTML page of a proxy
    "wrong_shape",  # returns 200 with a list instead of an object, or vice versa
    "truncated",  # omits half of a page's rows, but counts them in totalResults
    "wrong_total",  # returns a page with `total` as totalResults
    "disconnect_after",  # executes the request, then closes the connection without a response
    "reset_after",  # executes the request, then resets the connection
    "status_after",  # executes the request, then returns `status` with Codat's error body
    "latency_after",  # executes the request, then delays the response: the client may time out
    "other_company",  # answers about a sync of any company, with its companyId, instead of 404
    "unlink",  # disconnects the company from its accounting software, then executes the request
    "unlink_status",  # disconnects the company, then returns `status` with Codat's error body
]


@with_config(WIRE)
@dataclass(frozen=True)
class Fault:
    """A fault and the requests it applies to; every kind can be delayed too."""

    kind: Kind
    times: int = 1  # number of matching requests affected
    path: str = ""  # a regular expression to search for in the path
    company_id: str | None = None
    sync_id: str | None = None
    seconds: float = 0.0
    status: int = 500
    retry_after: str | None = None  # the header's value: seconds or a date
    total: int = 0

    def __post_init__(self) -> None:
        """Reject an invalid regular expression early, not in the affected request."""
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
        """Delay in seconds before the request is handled."""
        return 0.0 if self.kind == "latency_after" else self.seconds

    @property
    def blocks_request(self) -> bool:
        """Whether the request has no effect."""
        return self.kind in ("disconnect", "reset", "status", "unlink_status")

    @property
    def unlinks_company(self) -> bool:
        """Whether the company is disconnected first."""
        return self.kind in ("unlink", "unlink_status")

    def disconnect(self, request: httpx.Request, *, after: bool) -> None:
        """Raise httpx's error for a broken connection, before or after the request takes effect."""
        if self.kind == ("disconnect_after" if after else "disconnect"):
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.", request=request)
        if self.kind == ("reset_after" if after else "reset"):
            raise httpx.ReadError("Connection reset by peer", request=request)

    def refuse(self, *, after: bool) -> None:
        """Raise the error response, before or after the request takes effect."""
        if self.kind in (("status_after",) if after else ("status", "unlink_status")):
            headers = {} if self.retry_after is None else {"Retry-After": self.retry_after}
            raise CodatApiError(self.status, can_be_retried=_can_be_retried(self.status), headers=headers)

    def time_out(self, request: httpx.Request) -> None:
        """Raise a timeout for a client in this process; over HTTP, clients time out themselves."""
        read_timeout = request.extensions.get("timeout", {}).get("read")
        if self.kind == "latency_after" and read_timeout is not None and self.seconds > read_timeout:
            raise httpx.ReadTimeout("The read operation timed out", request=request)

    def corrupt(self, content: bytes) -> bytes:
        """Corrupt a valid response."""
        if self.kind == "maintenance":
            return b"<!doctype html><title>Be right back</title>"
        if self.kind == "cut":
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
    """The pending faults. A request gets only the oldest matching one."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._left: list[tuple[Fault, int]] = []

    def add(self, fault: Fault) -> None:
        """Inject a fault into the next matching requests."""
        with self._lock:
            self._left.append((fault, fault.times))

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._left.clear()

    def take(self, request: httpx.Request) -> Fault | None:
        """Return the fault for this request and count it."""
        with self._lock:
            for place, (fault, times) in enumerate(self._left):
                if fault.matches(request):
                    self._left[place : place + 1] = [(fault, times - 1)] if times > 1 else []
                    return fault
        return None


def _can_be_retried(status: int) -> str:
    return "True" if status in (429, 503) else "Unknown"
