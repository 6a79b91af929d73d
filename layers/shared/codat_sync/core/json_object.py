"""Parse JSON from outside."""

import json
from typing import Any


def parse_object(text: bytes | str) -> dict[str, Any] | None:
    """Parse ``text`` as a JSON object. Returns None if it is not one, or is nested too deep to be parsed."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
