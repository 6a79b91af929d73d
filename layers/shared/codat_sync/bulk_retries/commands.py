"""Commands that start and stop a bulk retry: sent to the retry function, and parsed there."""

import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from codat_sync.bulk_retries.bulk_retry import BulkRetry, FailureFilter
from codat_sync.core.errors import InvalidBodyError, ValidationIssue
from codat_sync.core.validation import describe_validation_error

if TYPE_CHECKING:
    from codat_sync.bulk_retries.service import BulkRetryService
    from codat_sync.retries.lambda_client import RetryClient


class _Invocation(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")


class _Start(_Invocation):
    kind: Literal["startBulkRetry"]
    bulk_retry_id: str
    first: date
    last: date
    company_id: str | None
    codes: list[int]
    cause_id: str | None
    by: str
    at: datetime


class _Stop(_Invocation):
    kind: Literal["stopBulkRetry"]
    bulk_retry_id: str
    by: str


class _Command(BaseModel):
    command: Annotated[_Start | _Stop, Field(discriminator="kind")]


class BulkRetryClient:
    """Start and stop bulk retries through the retry function, which alone writes to Codat."""

    def __init__(self, retry: "RetryClient") -> None:
        self._retry = retry

    def start(self, bulk_retry: BulkRetry) -> None:
        """Start a bulk retry. The selection of its syncs may continue afterwards. Raises RetryUnavailableError.

        A repeated start, for example by a double click or after an error, has the same id and starts nothing new.
        """
        chosen = bulk_retry.filter
        start = _Start(
            kind="startBulkRetry",
            bulk_retry_id=bulk_retry.bulk_retry_id,
            first=chosen.first,
            last=chosen.last,
            company_id=chosen.company_id,
            codes=sorted(chosen.codes),
            cause_id=chosen.cause_id,
            by=bulk_retry.requested_by,
            at=bulk_retry.requested_at,
        )
        self._retry.invoke(start.model_dump(mode="json", by_alias=True))

    def stop(self, bulk_retry_id: str, by: str) -> None:
        """Stop a bulk retry. Nothing is sent. Raises RetryUnavailableError."""
        stop = _Stop(kind="stopBulkRetry", bulk_retry_id=bulk_retry_id, by=by)
        self._retry.invoke(stop.model_dump(mode="json", by_alias=True))


def is_bulk_command(event: Mapping[str, Any]) -> bool:
    """Return whether the event of a direct invocation is a command of ``BulkRetryClient``."""
    return "bulkRetryId" in event


def execute_bulk_command(event: Mapping[str, Any], service: "BulkRetryService") -> dict[str, Any]:
    """Execute a command of ``BulkRetryClient``. Raises InvalidBodyError, and what DynamoDB raises."""
    try:
        command = _Command.model_validate_json(json.dumps({"command": event})).command
    except ValidationError as error:
        raise InvalidBodyError([ValidationIssue("", describe_validation_error(error))]) from None
    if isinstance(command, _Stop):
        service.stop(command.bulk_retry_id, command.by)
    else:
        chosen = FailureFilter(
            command.first, command.last, command.company_id, frozenset(command.codes), command.cause_id
        )
        service.start(BulkRetry(command.bulk_retry_id, chosen, command.by, command.at))
    return {"bulkRetryId": command.bulk_retry_id}
