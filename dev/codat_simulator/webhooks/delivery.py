"""Deliver webhooks over HTTP, with retries on Codat's schedule."""

import heapq
import ssl
import time
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from itertools import count
from threading import Condition, Thread
from typing import Literal, Self

import httpx
from pydantic import with_config

from dev.codat_simulator.books.models import Sync
from dev.codat_simulator.simulator import SimulatedCodat
from dev.codat_simulator.webhooks.events import Generation
from dev.codat_simulator.webhooks.signing import HeaderFamily, new_webhook_id
from dev.codat_simulator.wire import WIRE, to_json

MINUTE, HOUR = 60, 3600
# Delay in seconds before each attempt, from the previous one.
SCHEDULE = (0, 5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 10 * HOUR)
TIMEOUT_SECONDS = 15
# The old delivery service redelivers only after these statuses: a 500, for example, is final.
RETRIED_STATUSES = frozenset({408, 429, 502, 503, 504})


@dataclass(frozen=True)
class Message:
    """A message to send, signed anew for every attempt."""

    body: bytes
    webhook_id: str = field(default_factory=new_webhook_id)
    generation: Generation = "current"
    headers: HeaderFamily = "webhook"
    method: Literal["POST", "PUT"] = "POST"
    secrets: tuple[str, ...] | None = None  # override Codat's, to send webhooks that must be rejected


@with_config(WIRE)
@dataclass(frozen=True)
class Attempt:
    """A delivery attempt: a status, or an error."""

    at: datetime
    status: int | None
    error: str | None
    seconds: float

    @property
    def succeeded(self) -> bool:
        """Whether the response was 2xx."""
        return self.status is not None and httpx.codes.is_success(self.status)


@with_config(WIRE)
@dataclass(frozen=True)
class Delivery:
    """The delivery state of a message."""

    webhook_id: str
    attempts: tuple[Attempt, ...]
    pending: bool

    @property
    def delivered(self) -> bool:
        """Whether it was accepted at least once."""
        return any(attempt.succeeded for attempt in self.attempts)


@cache
def _ca_certificates() -> ssl.SSLContext:
    """Load the CA certificates once: loading them takes longer than a delivery."""
    return httpx.create_ssl_context(trust_env=False)


@dataclass(order=True)
class _Job:
    due: float
    order: int
    message: Message = field(compare=False)
    attempt: int = field(compare=False)


class Deliverer:
    """Delivers webhooks on a bounded thread pool; a context manager that ends the threads.

    `time_scale` shortens the schedule: at 0.001, its 28 hours take less than two minutes.
    """

    def __init__(
        self,
        codat: SimulatedCodat,
        url: str | None = None,
        *,
        time_scale: float = 1.0,
        workers: int = 8,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.url = url
        self._codat = codat
        self._time_scale = time_scale
        # Ignore proxy settings of the environment for a local receiver.
        self._client = httpx.Client(
            timeout=TIMEOUT_SECONDS, transport=transport, verify=_ca_certificates(), trust_env=False
        )
        self._changed = Condition()
        self._jobs: list[_Job] = []
        self._in_flight: list[_Job] = []
        self._order = count()
        self._messages: dict[str, Message] = {}
        self._attempts: dict[str, list[Attempt]] = {}
        self._stopped = False
        self._threads = [Thread(target=self._work, name=f"deliverer-{n}", daemon=True) for n in range(workers)]

    def __enter__(self) -> Self:
        """Start the threads."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Finish attempts in progress, drop pending ones, and stop the threads."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        self._client.close()

    # ---------------------------------------------------------------- sending

    def send(self, message: Message, *, delay_seconds: float = 0.0) -> str:
        """Enqueue a message and return its webhook-id; sent again, it is a duplicate with the same id."""
        with self._changed:
            self._messages[message.webhook_id] = message
            self._attempts.setdefault(message.webhook_id, [])
            self._enqueue(message, delay_seconds)
        return message.webhook_id

    def announce(self, sync: Sync, generation: Generation = "current") -> None:
        """Send the webhook of a finished sync, if a webhook URL is set and its filters let it through."""
        if self.url is None:
            return
        event = self._codat.event(sync, generation=generation)
        company = self._codat.company(sync.company_id)
        # Old alerts go by rules of their own, which are not simulated.
        if generation == "old" or all(
            consumer.receives(event["eventType"], company) for consumer in self._codat.webhook_consumers
        ):
            self.send(Message(to_json(event), generation=generation))

    def redeliver(self, webhook_id: str) -> str:
        """Send the same message again, as at-least-once delivery may; raises KeyError."""
        return self.send(self._messages[webhook_id])

    def replay(self, webhook_id: str) -> str:
        """Send the same body as a new message, as a user can in Codat's Portal; raises KeyError."""
        return self.send(replace(self._messages[webhook_id], webhook_id=new_webhook_id()))

    # ---------------------------------------------------------------- results

    def deliveries(self) -> tuple[Delivery, ...]:
        """All messages with their attempts."""
        with self._changed:
            pending = {job.message.webhook_id for job in (*self._jobs, *self._in_flight)}
            return tuple(
                Delivery(webhook_id, tuple(attempts), webhook_id in pending)
                for webhook_id, attempts in self._attempts.items()
            )

    def wait(self, timeout: float) -> bool:
        """Wait until nothing is left to send; return False after a timeout."""
        with self._changed:
            return self._changed.wait_for(lambda: not (self._jobs or self._in_flight), timeout)

    # ---------------------------------------------------------------- threads

    def _work(self) -> None:
        while (job := self._next()) is not None:
            attempt = self._attempt(job.message)
            with self._changed:
                self._attempts[job.message.webhook_id].append(attempt)
                self._in_flight.remove(job)
                self._retry(job, attempt)
                self._changed.notify_all()

    def _next(self) -> _Job | None:
        with self._changed:
            while not self._stopped:
                wait = self._jobs[0].due - time.monotonic() if self._jobs else None
                if wait is not None and wait <= 0:
                    job = heapq.heappop(self._jobs)
                    self._in_flight.append(job)
                    return job
                self._changed.wait(wait)
        return None

    def _attempt(self, message: Message) -> Attempt:
        at, started = self._codat.now(), time.monotonic()
        status, error = None, None
        try:
            status = self._post(message).status_code
        except (httpx.TransportError, httpx.InvalidURL) as failure:
            error = repr(failure)
        return Attempt(at, status, error, time.monotonic() - started)

    def _post(self, message: Message) -> httpx.Response:
        if self.url is None:
            raise httpx.UnsupportedProtocol("no webhook URL is set")
        signed = self._codat.sign(
            message.body, webhook_id=message.webhook_id, headers=message.headers, secrets=message.secrets
        )
        return self._client.request(message.method, self.url, headers=signed.headers, content=signed.body)

    def _retry(self, job: _Job, attempt: Attempt) -> None:
        if attempt.succeeded or job.attempt + 1 == len(SCHEDULE):
            return
        if job.message.generation == "old" and attempt.status is not None and attempt.status not in RETRIED_STATUSES:
            return
        self._enqueue(job.message, 0, job.attempt + 1)

    def _enqueue(self, message: Message, delay_seconds: float, attempt: int = 0) -> None:
        due = time.monotonic() + delay_seconds + SCHEDULE[attempt] * self._time_scale
        heapq.heappush(self._jobs, _Job(due, next(self._order), message, attempt))
        self._changed.notify()
