"""Log the requests to simulated Codat and their concurrency."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from threading import Lock

import httpx
from pydantic import with_config

from dev.codat_simulator.wire import WIRE


@with_config(WIRE)
@dataclass
class LoggedRequest:
    """A request; `status` is None while in progress, or if the connection was dropped."""

    method: str
    path: str
    query: str
    at: datetime
    company_id: str | None
    status: int | None = None
    idempotency_key: str | None = None


class RequestLog:
    """The requests in order of arrival, and the maximum number in flight per company."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = Lock()
        self._entries: list[LoggedRequest] = []
        self._in_flight: Counter[str] = Counter()
        self._peak: Counter[str] = Counter()

    @property
    def entries(self) -> tuple[LoggedRequest, ...]:
        """All requests so far."""
        with self._lock:
            return tuple(self._entries)

    def matching(self, path: str) -> tuple[LoggedRequest, ...]:
        """Return the requests whose path matches the regular expression."""
        return tuple(entry for entry in self.entries if re.search(path, entry.path))

    def max_in_flight(self, company_id: str) -> int:
        """Return the maximum number of concurrent requests for a company."""
        return self._peak[company_id]

    def max_concurrency_by_company(self) -> dict[str, int]:
        """Return the maximum number of concurrent requests by company."""
        with self._lock:
            return dict(self._peak)

    def clear(self) -> None:
        """Clear the log, so that a test can count from here."""
        with self._lock:
            self._entries.clear()
            self._peak = Counter(self._in_flight)

    @contextmanager
    def following(self, request: httpx.Request) -> Iterator[LoggedRequest]:
        """Log a request and count it as in flight while the block runs."""
        company = re.match(r"/companies/([^/]+)", request.url.path)
        company_id = company[1] if company else None
        entry = LoggedRequest(
            request.method,
            request.url.path,
            request.url.query.decode(),
            self._now(),
            company_id,
            idempotency_key=request.headers.get("Idempotency-Key"),
        )
        with self._lock:
            self._entries.append(entry)
            if company_id is not None:
                self._in_flight[company_id] += 1
                self._peak[company_id] = max(self._peak[company_id], self._in_flight[company_id])
        try:
            yield entry
        finally:
            with self._lock:
                if company_id is not None:
                    self._in_flight[company_id] -= 1
