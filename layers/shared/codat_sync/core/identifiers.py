"""Validate external ids before they become part of a key or a URL."""

import re
from typing import TypeGuard

# Codat's ids are GUIDs. Other shapes are accepted where safe: no "#" (it separates the parts of the table's keys), no
# "/" and no leading dot (URLs), no character that SQS rejects in a message group id, and at most its length.
IDENTIFIER_PATTERN = "[A-Za-z0-9][A-Za-z0-9._:@+=-]{0,127}"
_IDENTIFIER = re.compile(IDENTIFIER_PATTERN, re.ASCII)

_GUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", re.ASCII)


def is_identifier(value: object) -> TypeGuard[str]:
    """Return whether ``value`` is an id that is safe in a key, a URL and a message group."""
    return isinstance(value, str) and _IDENTIFIER.fullmatch(value) is not None


def canonicalize(identifier: str) -> str:
    """Return an id in canonical form: GUIDs are case-insensitive and become lower case."""
    return identifier.lower() if _GUID.fullmatch(identifier) else identifier
