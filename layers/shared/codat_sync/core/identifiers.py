"""Ids that come from outside, checked before they become part of a key or a URL."""

import re
from typing import TypeGuard

# Codat's ids are GUIDs. Other shapes are let through where that is safe: no "#" (it separates the parts of the table's
# keys), no "/" and nothing that begins with a dot (URLs), nothing that SQS refuses as a message group, and its length.
_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+=-]{0,127}", re.ASCII)

_GUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", re.ASCII)


def is_identifier(value: object) -> TypeGuard[str]:
    """Return whether ``value`` is an id that may be put into a key, a URL or a message group."""
    return isinstance(value, str) and _IDENTIFIER.fullmatch(value) is not None


def canonicalize(identifier: str) -> str:
    """Return an id as we write it: a GUID, whose letter case says nothing, in lower case."""
    return identifier.lower() if _GUID.fullmatch(identifier) else identifier
