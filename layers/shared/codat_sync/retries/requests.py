"""What retry is asked: by a message of RetryQueue, over HTTP, or directly."""

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
from codat_sync.messaging.messages import RetryMessage

_MESSAGE = TypeAdapter(RetryMessage)
_MAX_TRANSACTIONS = 1000
_PATH = re.compile(r"/api/v1/syncs/([^/]+)/retry")

Model = TypeVar("Model", bound="RetryRequestBody")


@dataclass(frozen=True, slots=True)
class RetryCommand:
    """To plan the failed transactions of a sync, and to create again what is wanted.

    That is all of them, if ``transaction_ids`` is None. A person's click overrides waiting, never safety.
    """

    sync_id: str
    transaction_ids: frozenset[str] | None
    is_manual: bool
    correlation_id: str


class RetryRequestBody(BaseModel):
    """The body of the HTTP route, and what else a direct invocation says."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")

    transaction_ids: Annotated[list[str], Field(max_length=_MAX_TRANSACTIONS)] | None = None


class DirectInvocation(RetryRequestBody):
    """The event of a direct invocation."""

    sync_id: str
    is_manual: bool = False


def parse_retry_message(text: str) -> RetryCommand:
    """Return what a message of RetryQueue asks. Raises PoisonMessageError if it is not one of them."""
    try:
        message = _MESSAGE.validate_json(text)
    except ValidationError as error:
        raise PoisonMessageError("invalid-message", describe_validation_error(error)) from None
    if not is_identifier(message["syncId"]):
        raise PoisonMessageError("malformed-sync-id", "the message's sync-id is not an id")
    return RetryCommand(message["syncId"], None, is_manual=False, correlation_id=message["correlationId"])


def parse_http_request(event: Mapping[str, Any]) -> RetryCommand:
    """Return what a request of API Gateway's (payload 2.0) asks. Raises InvalidBodyError."""
    request = _parse(RetryRequestBody, text_body(event) or "{}")
    return _command(
        _sync_id(event),
        request,
        is_manual=True,
        correlation_id=event["requestContext"]["requestId"],
    )


def _sync_id(event: Mapping[str, Any]) -> object:
    """Return the id in the path, which not all that hands over such events has taken out of it."""
    taken = (event.get("pathParameters") or {}).get("syncId")
    match = _PATH.fullmatch(event.get("rawPath", ""))
    return taken or (match and match[1])


def parse_direct_invocation(event: Mapping[str, Any]) -> RetryCommand:
    """Return what a direct invocation asks. Raises InvalidBodyError."""
    request = _parse(DirectInvocation, json.dumps(event))
    return _command(request.sync_id, request, is_manual=request.is_manual, correlation_id=f"direct-{request.sync_id}")


def _command(sync_id: object, request: RetryRequestBody, *, is_manual: bool, correlation_id: str) -> RetryCommand:
    named = request.transaction_ids
    if not is_identifier(sync_id) or not all(is_identifier(each) for each in named or ()):
        raise InvalidBodyError([ValidationIssue("syncId, transactionIds", "must be ids")])
    wanted = None if named is None else frozenset(map(canonicalize, named))
    return RetryCommand(canonicalize(sync_id), wanted, is_manual=is_manual, correlation_id=correlation_id)


def _parse(model: type[Model], text: str) -> Model:
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        raise InvalidBodyError([ValidationIssue("", describe_validation_error(error))]) from None
