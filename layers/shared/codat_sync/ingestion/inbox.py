"""Messages as they arrive from SyncQueue."""

from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from codat_sync.core.errors import PoisonMessageError
from codat_sync.core.validation import describe_validation_error
from codat_sync.messaging.messages import Message

_MESSAGE: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="kind")])


def read_message(body: str) -> Message:
    """Return the message that ``body`` holds. Raises PoisonMessageError if it is none of ours."""
    try:
        return _MESSAGE.validate_json(body)
    except ValidationError as error:
        raise PoisonMessageError("invalid-message", describe_validation_error(error)) from None
