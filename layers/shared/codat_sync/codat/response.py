"""An answer of Codat's, as it came over the wire."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple


class CodatResponse(NamedTuple):
    """What came over the wire, and when."""

    status_code: int
    reason_phrase: str
    headers: Mapping[str, str]
    content: bytes
    received_at: datetime
