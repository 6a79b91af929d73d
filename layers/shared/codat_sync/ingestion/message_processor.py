"""Process a batch of SyncQueue's messages: each succeeds, is redelivered, or goes to the dead-letter queue."""

import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.metrics import MetricUnit

from codat_sync.aws.observability import logger, metrics
from codat_sync.core.errors import CodatUnavailableError, PoisonMessageError
from codat_sync.ingestion import batch
from codat_sync.ingestion.results import TaskResult
from codat_sync.ingestion.telemetry import BatchMetrics, get_log_fields, log_result
from codat_sync.polling.schedule import get_redelivery_delay

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

    from codat_sync.ingestion.dispatcher import TaskDispatcher
    from codat_sync.ingestion.tasks import Task
    from codat_sync.messaging.queues import DeadLetterQueue, MessageVisibility

# A record of SQS's event: JSON, whose shape AWS defines.
Record = Mapping[str, Any]


@dataclass(frozen=True)
class BatchInProgress:
    """A batch whose messages are being processed. ``deadline`` is of ``time.monotonic``."""

    pending: Mapping[str, batch.PendingResult[TaskResult]]
    deadline: float
    dead_letters: "DeadLetterQueue"
    redelivery: "MessageVisibility"
    batch_metrics: BatchMetrics = field(default_factory=BatchMetrics)

    def finish(self, record: "SQSRecord") -> None:
        """Wait for the result of ``record`` and count it; an error has the message redelivered.

        The wait ends at the ``deadline``: a slow message fails alone, not the whole batch.
        """
        entry = self.pending[record.message_id]
        ids = {"message_id": record.message_id} | (get_log_fields([entry.task]) if entry.task else {})
        try:
            self._settle(entry, record, ids)
        except (CodatUnavailableError, TimeoutError) as error:
            self._postpone(record, error, ids)
            raise
        except Exception:
            logger.exception("message failed", **ids)
            metrics.add_metric("MessageFailed", MetricUnit.Count, 1)
            raise

    def _settle(self, entry: batch.PendingResult[TaskResult], record: "SQSRecord", ids: Mapping[str, Any]) -> None:
        try:
            result = entry.outcome.result(timeout=max(0.0, self.deadline - time.monotonic()))
            self.batch_metrics.add(entry.task, result)
        except TimeoutError:
            entry.outcome.cancel()  # If it has not begun, it need not: the message is redelivered.
            raise
        except PoisonMessageError as poison:
            self.dead_letters.send(record.body, record.attributes.get("MessageGroupId"), poison)
            logger.error("message dead-lettered", reason=poison.reason, detail=poison.detail, **ids)
            metrics.add_metric("MessageDeadLettered", MetricUnit.Count, 1)

    def _postpone(self, record: "SQSRecord", error: Exception, ids: Mapping[str, Any]) -> None:
        """Delay the next delivery, by more after each one."""
        seconds = get_redelivery_delay(int(record.attributes.approximate_receive_count))
        logger.warning(
            "message will be redelivered",
            seconds=seconds,
            reason=repr(error),
            codat_correlation_id=getattr(error, "correlation_id", None),
            **ids,
        )
        metrics.add_metric("MessageFailed", MetricUnit.Count, 1)
        self.redelivery.postpone(record.receipt_handle, seconds)


@dataclass(frozen=True)
class MessageProcessor:
    """Process batches of messages, several subjects at a time on the threads of ``pool``."""

    dispatcher: "TaskDispatcher"
    dead_letters: "DeadLetterQueue"
    redelivery: "MessageVisibility"
    pool: Executor

    def start(self, records: Iterable[Record], deadline: float) -> BatchInProgress:
        """Start processing SQS's ``records``, whose results are awaited until ``deadline`` (``time.monotonic``)."""
        pending = batch.start(map(_parse_record, records), self._dispatch, self.pool)
        return BatchInProgress(pending, deadline, self.dead_letters, self.redelivery)

    def _dispatch(self, tasks: "Sequence[Task]", receive_count: int) -> TaskResult:
        result = self.dispatcher.dispatch(tasks, receive_count)
        log_result(tasks, result)
        return result


def _parse_record(record: Record) -> batch.ReceivedMessage:
    receive_count = int(record["attributes"]["ApproximateReceiveCount"])
    return batch.ReceivedMessage(record["messageId"], record["body"], receive_count)
