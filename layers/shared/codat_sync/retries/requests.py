"""Parse retry commands from messages of RetryQueue, HTTP requests and direct invocations."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from codat_sync.core.errors import InvalidBodyError, PoisonMessageError, ValidationIssue
from codat_sync.core.http_event import text_body
from codat_sync.core.identifiers import canonicalize, is_identifier
from codat_sync.core.validation import describe_validation_error
from codat_sync.messaging.messages import RetryQueueMessage
from codat_sync.retries.work_decisions import WorkDecisionCommand
from codat_sync.submissions.resolution import AcknowledgementCommand, ResolutionCommand
from codat_sync.syncs.retry_record import DecisionKind

_MESSAGE: TypeAdapter[RetryQueueMessage] = TypeAdapter(Annotated[RetryQueueMessage, Field(discriminator="kind")])
_MAX_TRANSACTIONS = 1000
_MAX_ACTOR = 300  # characters
_PATH = re.compile(r"/api/v1/syncs/([^/]+)/retry")

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class RetryCommand:
    """Retry the failed transactions of a sync, limited to ``transaction_ids`` unless None.

    A manual retry overrides waiting and corrections, never safety: see ``planner``. ``by`` is who asked for it; None if
    it was due.
    """

    sync_id: str
    transaction_ids: frozenset[str] | None
    is_manual: bool
    correlation_id: str
    by: str | None = None

    @property
    def log_ids(self) -> dict[str, str]:
        """The ids by which the log identifies it."""
        return {"sync_id": self.sync_id}


@dataclass(frozen=True, slots=True)
class OutcomeCheckCommand:
    """Look up the outcome of a submission."""

    submission_id: str

    @property
    def log_ids(self) -> dict[str, str]:
        """The ids by which the log identifies it."""
        return {"submission_id": self.submission_id}


@dataclass(frozen=True, slots=True)
class BulkRetryStep:
    """Retry a sync of a bulk retry; without a sync, select its syncs."""

    bulk_retry_id: str
    sync_id: str | None

    @property
    def log_ids(self) -> dict[str, str]:
        """The ids by which the log identifies it."""
        return {"bulk_retry_id": self.bulk_retry_id, "sync_id": self.sync_id or ""}


class RetryRequestBody(BaseModel):
    """The body of an HTTP request; also part of a direct invocation."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")

    transaction_ids: Annotated[list[str], Field(max_length=_MAX_TRANSACTIONS)] | None = None


class DirectInvocation(RetryRequestBody):
    """The event of a direct invocation."""

    sync_id: str
    is_manual: bool = False
    by: Annotated[str, Field(max_length=_MAX_ACTOR)] = "somebody who may invoke the function"


class ResolutionInvocation(BaseModel):
    """The event of a direct invocation that states the outcome of a submission: see ``ResolutionCommand``."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")

    submission_id: str
    written: list[str] | None
    by: str
    reason: str


class AcknowledgementInvocation(BaseModel):
    """The event of a direct invocation that takes a sync off the list: see ``AcknowledgementCommand``."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")

    acknowledged_sync_id: str
    by: str
    reason: str


class WorkDecisionInvocation(BaseModel):
    """The event of a direct invocation that decides about a failed sync: see ``WorkDecisionCommand``."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")

    decided_sync_id: str
    kind: DecisionKind
    by: str
    reason: str


def parse_retry_message(text: str) -> RetryCommand | OutcomeCheckCommand | BulkRetryStep:
    """Parse a message of RetryQueue. Raises PoisonMessageError if it is invalid."""
    try:
        message = _MESSAGE.validate_json(text)
    except ValidationError as error:
        raise PoisonMessageError("invalid-message", describe_validation_error(error)) from None
    if message["kind"] == "submission":
        return OutcomeCheckCommand(message["submissionId"])
    if message["kind"] == "bulkRetry":
        return BulkRetryStep(message["bulkRetryId"], message["syncId"])
    if not is_identifier(message["syncId"]):
        raise PoisonMessageError("malformed-sync-id", "the message's syncId is not a valid id")
    return RetryCommand(message["syncId"], None, is_manual=False, correlation_id=message["correlationId"])


def parse_http_request(event: Mapping[str, Any], by: str) -> RetryCommand:
    """Parse an HTTP request from API Gateway (payload 2.0), made ``by`` somebody. Raises InvalidBodyError."""
    request = _parse(RetryRequestBody, text_body(event) or "{}")
    return _command(
        _sync_id(event),
        request,
        is_manual=True,
        correlation_id=event["requestContext"]["requestId"],
        by=by,
    )


def _sync_id(event: Mapping[str, Any]) -> object:
    """Return the sync id in the path, None if there is none. Not every emulator sets ``pathParameters``."""
    parameter = (event.get("pathParameters") or {}).get("syncId")
    match = _PATH.fullmatch(event.get("rawPath", ""))
    return parameter or (match and match[1])


def parse_direct_invocation(event: Mapping[str, Any]) -> RetryCommand:
    """Parse the event of a direct invocation. Raises InvalidBodyError."""
    request = _parse(DirectInvocation, json.dumps(event))
    return _command(
        request.sync_id,
        request,
        is_manual=request.is_manual,
        correlation_id=f"direct-{request.sync_id}",
        by=request.by,
    )


def parse_resolution(event: Mapping[str, Any]) -> ResolutionCommand:
    """Parse the event of a direct invocation that states an outcome. Raises InvalidBodyError."""
    stated = _parse(ResolutionInvocation, json.dumps(event))
    written = None if stated.written is None else frozenset(stated.written)
    return ResolutionCommand(stated.submission_id, written, stated.by, stated.reason)


def parse_acknowledgement(event: Mapping[str, Any]) -> AcknowledgementCommand:
    """Parse the event of a direct invocation that takes a sync off the list. Raises InvalidBodyError."""
    stated = _parse(AcknowledgementInvocation, json.dumps(event))
    return AcknowledgementCommand(stated.acknowledged_sync_id, stated.by, stated.reason)


def parse_work_decision(event: Mapping[str, Any]) -> WorkDecisionCommand:
    """Parse the event of a direct invocation that decides about a failed sync. Raises InvalidBodyError."""
    stated = _parse(WorkDecisionInvocation, json.dumps(event))
    return WorkDecisionCommand(stated.decided_sync_id, stated.kind, stated.by, stated.reason)


def _command(
    sync_id: object, request: RetryRequestBody, *, is_manual: bool, correlation_id: str, by: str
) -> RetryCommand:
    requested = request.transaction_ids
    if not is_identifier(sync_id) or not all(is_identifier(each) for each in requested or ()):
        raise InvalidBodyError([ValidationIssue("syncId, transactionIds", "must be ids")])
    selected_ids = None if requested is None else frozenset(map(canonicalize, requested))
    return RetryCommand(canonicalize(sync_id), selected_ids, is_manual=is_manual, correlation_id=correlation_id, by=by)


def _parse(model: type[Model], text: str) -> Model:
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        raise InvalidBodyError([ValidationIssue("", describe_validation_error(error))]) from None
