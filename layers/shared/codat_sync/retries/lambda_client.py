"""Invoke the retry function, which alone resubmits to Codat."""

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError

from codat_sync.core.errors import RetryUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

    from codat_sync.retries.work_decisions import WorkDecisionCommand
    from codat_sync.submissions.resolution import AcknowledgementCommand, ResolutionCommand


class RetryProgress(StrEnum):
    """The result of a request to retry a sync."""

    FINISHED = "yes"
    IN_PROGRESS = "inProgress"
    NOT_FAILED = "notFailed"  # there was nothing to retry


class RetryClient:
    """Invoke the retry function and wait. ``client`` must not retry, nor wait longer than its caller can."""

    def __init__(self, client: "LambdaClient", name: str) -> None:
        self._client = client
        self._name = name

    def retry(self, sync_id: str, by: str, transaction_ids: Sequence[str] | None = None) -> RetryProgress:
        """Resubmit the failed transactions of a sync, or those named, for an operator.

        Returns whether this finished in time.

        Invoking it twice, as by a double click or again after a time-out or an error, writes nothing twice: retry plans
        each transaction anew and claims it before sending it, and never sends one that is claimed, in flight or
        written. Raises RetryUnavailableError.
        """
        named = {} if transaction_ids is None else {"transactionIds": list(transaction_ids)}
        report = self.invoke({"syncId": sync_id, "isManual": True, "by": by, **named})
        if report is None:
            return RetryProgress.IN_PROGRESS
        return RetryProgress.NOT_FAILED if report.get("message") else RetryProgress.FINISHED

    def resolve(self, command: "ResolutionCommand") -> bool:
        """Record an operator's statement about a submission; return whether this finished in time.

        Nothing is sent, so nothing is written. Raises RetryUnavailableError.
        """
        written = None if command.written is None else sorted(command.written)
        statement = {"submissionId": command.submission_id, "written": written}
        return self.invoke({**statement, "by": command.by, "reason": command.reason}) is not None

    def acknowledge(self, command: "AcknowledgementCommand") -> bool:
        """Record that a sync's unknown outcomes are dealt with; return whether this finished in time.

        Nothing is sent, so nothing is written. Raises RetryUnavailableError.
        """
        event = {"acknowledgedSyncId": command.sync_id, "by": command.by, "reason": command.reason}
        return self.invoke(event) is not None

    def decide(self, command: "WorkDecisionCommand") -> bool:
        """Record a decision about a failed sync; False if there is no such. One that still runs counts as done.

        Nothing is sent, so nothing is written. Raises RetryUnavailableError.
        """
        event = {"decidedSyncId": command.sync_id, "kind": command.kind.value}
        answer = self.invoke({**event, "by": command.by, "reason": command.reason})
        return answer is None or bool(answer.get("isDone"))

    def invoke(self, event: Mapping[str, object]) -> dict[str, Any] | None:
        """Return the function's report as JSON, empty if there is none; None if the invocation still runs."""
        try:
            response = self._client.invoke(FunctionName=self._name, Payload=json.dumps(event))
        except ReadTimeoutError:
            return None  # The invocation continues.
        except (BotoCoreError, ClientError) as error:
            raise RetryUnavailableError(str(error)) from error
        if "FunctionError" in response:
            raise RetryUnavailableError("the retry function failed: see its log")
        return json.loads(response["Payload"].read()) or {}
