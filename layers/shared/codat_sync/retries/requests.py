"""What retry is asked: by a message of RetryQueue, over HTTP, or directly."""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from codat_sync.core.errors import InvalidBodyError, Invalidity, PoisonError
from codat_sync.core.identifiers import canonical, is_identifier
from codat_sync.core.validation import first_complaint
from codat_sync.messaging.messages import RetryMessage

_MESSAGE = TypeAdapter(RetryMessage)
_MOST = 1000
_PATH = re.compile(r"/api/v1/syncs/([^/]+)/retry")

Model = TypeVar("Model", bound="RetryRequest")


@dataclass(frozen=True, slots=True)
class Asked:
    """To plan the failed transactions of a sync, and to create again what is wanted.

    That is all of them, if ``transaction_ids`` is None. A person's click overrides waiting, never safety.
    """

    sync_id: str
    transaction_ids: frozenset[str] | None
    is_for_person: bool
    correlation_id: str


class RetryRequest(BaseModel):
    """The body of the HTTP route, and what else a direct invocation says."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")

    transaction_ids: Annotated[list[str], Field(max_length=_MOST)] | None = None


class DirectRequest(RetryRequest):
    """The event of a direct invocation."""

    sync_id: str
    is_for_person: bool = False


def read_retry_message(text: str) -> Asked:
    """Return what a message of RetryQueue asks. Raises PoisonError if it is none of ours."""
    try:
        message = _MESSAGE.validate_json(text)
    except ValidationError as error:
        raise PoisonError("not-a-message", first_complaint(error)) from None
    if not is_identifier(message["syncId"]):
        raise PoisonError("malformed-sync-id", "the message's sync-id is not an id")
    return Asked(message["syncId"], None, is_for_person=False, correlation_id=message["correlationId"])


def read_http(event: Mapping[str, Any]) -> Asked:
    """Return what a request of API Gateway's (payload 2.0) asks. Raises InvalidBodyError."""
    request = _parsed(RetryRequest, _content(event) or "{}")
    return _asked(
        _sync_id(event),
        request,
        is_for_person=True,
        correlation_id=event["requestContext"]["requestId"],
    )


def _sync_id(event: Mapping[str, Any]) -> object:
    """Return the id in the path, which not all that hands over such events has taken out of it."""
    taken = (event.get("pathParameters") or {}).get("syncId")
    match = _PATH.fullmatch(event.get("rawPath", ""))
    return taken or (match and match[1])


def read_direct(event: Mapping[str, Any]) -> Asked:
    """Return what a direct invocation asks. Raises InvalidBodyError."""
    request = _parsed(DirectRequest, json.dumps(event))
    return _asked(
        request.sync_id, request, is_for_person=request.is_for_person, correlation_id=f"direct-{request.sync_id}"
    )


def _asked(sync_id: object, request: RetryRequest, *, is_for_person: bool, correlation_id: str) -> Asked:
    named = request.transaction_ids
    if not is_identifier(sync_id) or not all(is_identifier(each) for each in named or ()):
        raise InvalidBodyError([Invalidity("syncId, transactionIds", "must be ids")])
    wanted = None if named is None else frozenset(map(canonical, named))
    return Asked(canonical(sync_id), wanted, is_for_person=is_for_person, correlation_id=correlation_id)


def _content(event: Mapping[str, Any]) -> str:
    body: str = event.get("body") or ""
    try:
        return base64.b64decode(body, validate=True).decode() if event.get("isBase64Encoded") else body
    except (binascii.Error, UnicodeDecodeError):
        raise InvalidBodyError([Invalidity("", "is no UTF-8")]) from None


def _parsed(model: type[Model], text: str) -> Model:
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        raise InvalidBodyError([Invalidity("", first_complaint(error))]) from None
