"""Process messages of RetryQueue."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_lambda_powertools.metrics import MetricUnit

from codat_sync.aws.observability import logger, metrics
from codat_sync.core.errors import PoisonMessageError
from codat_sync.retries.requests import BulkRetryStep, OutcomeCheckCommand, RetryCommand, parse_retry_message

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

    from codat_sync.messaging.queues import DeadLetterQueue


@dataclass(frozen=True)
class RetryMessageProcessor:
    """Execute the command of each message, or move the message to the dead-letter queue."""

    retry: Callable[[RetryCommand], object]
    check_outcome: Callable[[str], object]
    run_bulk_retry: Callable[[BulkRetryStep], object]
    dead_letters: "DeadLetterQueue"

    def process(self, record: "SQSRecord") -> None:
        """Process one message. An error causes only this message to be redelivered."""
        try:
            command = parse_retry_message(record.body)
        except PoisonMessageError as poison:
            self.dead_letters.send(record.body, record.attributes.get("MessageGroupId"), poison)
            logger.error(
                "message dead-lettered", message_id=record.message_id, reason=poison.reason, detail=poison.detail
            )
            return
        try:
            self._execute(command)
        except Exception:
            # Log and count it here: to Lambda, a batch with a response has no error.
            logger.exception("message failed", message_id=record.message_id, extra=command.log_ids)
            metrics.add_metric("MessageFailed", MetricUnit.Count, 1)
            raise

    def _execute(self, command: RetryCommand | OutcomeCheckCommand | BulkRetryStep) -> None:
        match command:
            case RetryCommand():
                self.retry(command)
            case OutcomeCheckCommand():
                self.check_outcome(command.submission_id)
            case BulkRetryStep():
                self.run_bulk_retry(command)
