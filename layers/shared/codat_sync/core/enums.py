"""Forward-compatible enums: a value that a newer version wrote falls back to a safe default during a deployment."""

from enum import StrEnum
from typing import TypeVar

E = TypeVar("E", bound=StrEnum)
Default = TypeVar("Default")


def parse_enum(enum_type: type[E], value: str, default: Default) -> E | Default:
    """Return the member of ``enum_type`` with this value, or ``default`` if the value is unknown to this version."""
    try:
        return enum_type(value)
    except ValueError:
        return default
