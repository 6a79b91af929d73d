"""What a later version of this application has written, as this one reads it: two of them run during a deployment."""

from enum import StrEnum
from typing import TypeVar

E = TypeVar("E", bound=StrEnum)
Default = TypeVar("Default")


def parse_enum(enum_type: type[E], value: str, default: Default) -> E | Default:
    """Return the member of ``enum_type`` that ``value`` names, or ``default``, which does no harm where it is new."""
    try:
        return enum_type(value)
    except ValueError:
        return default
