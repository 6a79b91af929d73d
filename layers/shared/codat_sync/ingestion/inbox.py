"""Messages as they arrive from SyncQueue."""

from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from codat_sync.core.errors import PoisonError
from codat_sync.core.validation import first_complaint
from codat_sync.messaging.messages import Message

_MESSAGE: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="kind")])


def read_message(body: str) -> Message:
    """Return the message that ``body`` holds. Raises PoisonError if it is none of ours."""
    try:
        return _MESSAGE.validate_json(body)
    except ValidationError as error:
        raise PoisonError("not-a-message", first_complaint(error)) from None
