"""Parse incoming messages of SyncQueue."""

from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from codat_sync.core.errors import PoisonMessageError
from codat_sync.core.validation import describe_validation_error
from codat_sync.messaging.messages import Message

_MESSAGE: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="kind")])


def read_message(body: str) -> Message:
    """Parse and validate a message's ``body``. Raises PoisonMessageError if it is not one of our messages."""
    try:
        return _MESSAGE.validate_json(body)
    except ValidationError as error:
        raise PoisonMessageError("invalid-message", describe_validation_error(error)) from None
