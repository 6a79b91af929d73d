"""Deliver the scenario's webhooks, a few at a time, and wait until the queue is empty."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dev.codat_simulator.control.client import SimulatorControl
from dev.demo.scenario.syncs import Planned
from dev.local_stack.aws_clients import queue_depth

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

# The emulator starts a process per concurrent invocation, which takes seconds. So the first webhook is sent alone, and
# the others reuse its processes.
_MAX_IN_FLIGHT = 2
_TIMEOUT_SECONDS = 600  # for all of them
_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Sent:
    """A webhook that Codat sent."""

    webhook_id: str
    announced_sync_id: str | None
    is_genuine: bool


class DeliveryScenario:
    """Delivers webhooks. ``report`` is called with the number of processed webhooks and their total."""

    def __init__(
        self, codat: SimulatorControl, sqs: "SQSClient", queue_url: str, report: Callable[[int, int], None]
    ) -> None:
        self._codat = codat
        self._sqs = sqs
        self._queue_url = queue_url
        self._report = report
        self._total = 0
        self._deadline = 0.0
        self._is_warm = False

    def deliver(self, planned: Sequence[Planned], max_in_flight: int = _MAX_IN_FLIGHT) -> list[Sent]:
        """Send all webhooks and wait until they are processed, or for a timeout."""
        self._total += sum(2 if plan.again == "replayed" else 1 for plan in planned)
        self._deadline = time.monotonic() + _TIMEOUT_SECONDS
        sent: list[Sent] = []
        for plan in planned:
            for webhook_id in self._send(plan):
                sent.append(Sent(webhook_id, plan.announced_sync_id, plan.is_genuine))
                max_remaining = max_in_flight - 1 if len(sent) > 1 or self._is_warm else 0
                self._wait(max_remaining)
        self._wait(0)
        self._is_warm = True
        return sent

    def finish(self) -> int:
        """Wait until nothing is left to process or a timeout expires; return the number left.

        Reaching zero once is enough: the stack's clock keeps enqueuing polls of syncs in progress each minute.
        """
        self._deadline = time.monotonic() + _TIMEOUT_SECONDS
        return self._wait(0)

    def _send(self, plan: Planned) -> Iterator[str]:
        """Send a webhook once or twice; yield the message ids (a redelivery repeats the id)."""
        webhook_id = self._codat.send_webhook(plan.webhook)
        yield webhook_id
        match plan.again:
            case "redelivered":
                yield self._codat.redeliver(webhook_id)
            case "replayed":
                yield self._codat.replay(webhook_id)

    def _wait(self, max_remaining: int) -> int:
        """Wait until at most ``max_remaining`` are left or a timeout; the comparison then reports what is missing."""
        while (left := self._unhandled()) > max_remaining and time.monotonic() < self._deadline:
            time.sleep(_POLL_SECONDS)
        return left

    def _unhandled(self) -> int:
        deliveries = self._codat.deliveries()
        unhandled = sum(delivery.pending for delivery in deliveries) + queue_depth(self._sqs, self._queue_url)
        self._report(max(0, len(deliveries) - unhandled), self._total)
        return unhandled
