"""Model a raw HTTP response of Codat's."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple


class CodatResponse(NamedTuple):
    """A raw HTTP response, and when it was received."""

    status_code: int
    reason_phrase: str
    headers: Mapping[str, str]
    content: bytes
    received_at: datetime
