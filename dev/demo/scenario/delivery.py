"""Has the webhooks of the scenario delivered, a few at a time, and waits until the queue is empty."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dev.codat_simulator.control.client import SimulatorControl
from dev.demo.scenario.syncs import Planned

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

# What is handled at the same time takes the emulator a process each, and seconds to start it: so the first webhook goes
# alone, and the others find the processes that it left.
_MAX_IN_FLIGHT = 2
_TIMEOUT_SECONDS = 180
_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Sent:
    """A webhook that Codat sent."""

    webhook_id: str
    announced_sync_id: str | None
    is_genuine: bool


class DeliveryScenario:
    """One run of the scenario. ``report`` is told how many webhooks of how many are done with."""

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
        """Send all and wait until all are done with, or for as long as it makes sense."""
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
        """Wait until nothing is left to handle, and return how much is if patience ends before.

        That it was so once counts: the clock of the stack has syncs in progress looked at each minute, now too.
        """
        self._deadline = time.monotonic() + _TIMEOUT_SECONDS
        return self._wait(0)

    def _send(self, plan: Planned) -> Iterator[str]:
        """Send it once or twice; yields the ids of its messages, a duplicate having the same."""
        webhook_id = self._codat.send_webhook(plan.webhook)
        yield webhook_id
        match plan.again:
            case "redelivered":
                yield self._codat.redeliver(webhook_id)
            case "replayed":
                yield self._codat.replay(webhook_id)

    def _wait(self, max_remaining: int) -> int:
        """Wait until so many are left to handle, or patience ends: then the comparison tells what is missing."""
        while (left := self._unhandled()) > max_remaining and time.monotonic() < self._deadline:
            time.sleep(_POLL_SECONDS)
        return left

    def _unhandled(self) -> int:
        deliveries = self._codat.deliveries()
        unhandled = sum(delivery.pending for delivery in deliveries) + depth(self._sqs, self._queue_url)
        self._report(max(0, len(deliveries) - unhandled), self._total)
        return unhandled


def depth(sqs: "SQSClient", url: str) -> int:
    """Return how many messages a queue has, those included that are being worked on."""
    attributes = sqs.get_queue_attributes(
        QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    )["Attributes"]
    return sum(map(int, attributes.values()))
